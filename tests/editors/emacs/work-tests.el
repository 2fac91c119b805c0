;;; work-tests.el --- Actions, edits, chat and trouble, in batch -*- lexical-binding: t; no-byte-compile: t; -*-

;;; Code:

(require 'driver)

(defconst work-square "def square(side):\n    return side * side\n")

(defun work-choose (title)
  "Have every question with choices answered by the one that begins with TITLE."
  (lambda (_prompt choices &rest _)
    (or (seq-find (lambda (one) (string-prefix-p title one)) (all-completions "" choices))
        (error "There is no %s in %S" title (all-completions "" choices)))))

;;;; Actions

(ert-deftest work-explanation-fills-a-view ()
  (driver-say "square" "It returns the side" " times itself.")
  (driver-with-file work-square
    (driver-do #'codefuse-explain)
    (let ((view (driver-wait "an explanation"
                  (seq-find (lambda (buffer)
                              (with-current-buffer buffer
                                (and (derived-mode-p 'codefuse-view-mode)
                                     (string-match-p "It returns the side times itself\\." (buffer-string)))))
                            (buffer-list)))))
      (with-current-buffer view
        (should buffer-read-only)
        (should (string-prefix-p "# square" (buffer-string)))
        (should (get-buffer-window view))
        (goto-char (point-min))
        (font-lock-ensure)
        (should (eq (get-text-property (point) 'face) 'codefuse-heading))
        (search-forward "return")
        (should (memq 'codefuse-block (ensure-list (get-text-property (1- (point)) 'face)))))
      (kill-buffer view)
      (delete-other-windows))))

(ert-deftest work-tests-are-written-into-a-file-of-their-own ()
  (driver-say "square" "\n    assert square(3) == 9\n")
  (driver-with-file (list work-square "square.py")
    (let ((folder default-directory))
      (driver-do #'codefuse-write-tests)
      (let ((tests (driver-wait "a file of tests"
                     (seq-find (lambda (buffer)
                                 (and (buffer-file-name buffer)
                                      (string-match-p "test_square\\.py\\'" (buffer-file-name buffer))
                                      (with-current-buffer buffer (> (buffer-size) 0))))
                               (buffer-list)))))
        ;; Eglot tells the server that it makes no files: there the buffer is still to be saved.
        (unless (eq driver-client 'eglot) (should (file-exists-p (buffer-file-name tests))))
        (should (string-prefix-p folder (buffer-file-name tests)))
        (with-current-buffer tests
          (should (string-match-p "assert square(3) == 9" (buffer-string)))
          (buffer-enable-undo))
        (driver-wait "a window with it" (get-buffer-window tests))
        (driver-close tests)
        (delete-other-windows)))))

(ert-deftest work-actions-are-chosen-by-name ()
  (driver-with-file work-square
    (let ((titles (mapcar #'codefuse-actions--name (codefuse-actions-at 1 1))))
      (should (member "Explain" titles))
      (should (member "Write tests" titles)))))

(ert-deftest work-action-changes-the-code-in-one-step-to-undo ()
  (let ((before "def simple(x):\n    if x:\n        return True\n    return False\n"))
    (driver-say "simple" "def simple(x):\n    return bool(x)\n")
    (driver-with-file before
      (cl-letf (((symbol-function 'completing-read) (work-choose "Simplify")))
        (driver-do #'codefuse-action))
      (driver-wait "the change" (equal (buffer-string) "def simple(x):\n    return bool(x)\n"))
      (driver-undo)
      (should (equal (buffer-string) before)))))

(ert-deftest work-edit-of-a-document-that-changed-is-refused-in-a-sentence ()
  (driver-with-file work-square
    (let* ((server (codefuse-server))
           (document (codefuse-versioned-document server))
           (edit (list :documentChanges
                       (vector (list :textDocument document
                                     :edits (vector (list :range (codefuse-range 1 4 server) :newText "class")))))))
      (driver-type "# ")
      (should-error (codefuse-apply-edit edit server) :type 'user-error)
      (should (equal (buffer-string) (concat "# " work-square))))))

(ert-deftest work-review-marks-what-it-finds ()
  (skip-unless (eq driver-client 'own))
  (require 'codefuse-write)
  (driver-say "square" "line 2: the side may be negative")
  (driver-with-file work-square
    (driver-quiet)
    (driver-do #'codefuse-review)
    (driver-wait "its end" (or (driver-said-p "CodeFuse finds") (driver-said-p "does not know codefuse/review")))
    (when (driver-said-p "does not know") (ert-skip "this server reviews nothing"))
    (when (driver-said-p "finds one thing")
      (driver-wait "a diagnostic" (and (bound-and-true-p flymake-mode) (flymake-diagnostics))))))

;;;; Inline edits

(defconst work-answer "def square(side):\n    \"\"\"Return the area.\"\"\"\n    return side ** 2\n")

(defun work-propose ()
  "Have the code at point changed, and wait for what is proposed."
  (driver-quiet)
  (codefuse-edit (point-min) (point-max) "Add a docstring")
  (driver-wait "a proposal" (or codefuse-review--current (driver-said-p "does not know codefuse/edit")))
  (unless codefuse-review--current (ert-skip "this server edits nothing")))

(ert-deftest work-edit-is-taken-whole-and-is-one-step-to-undo ()
  (driver-say "Add a docstring" work-answer)
  (driver-with-file work-square
    (work-propose)
    (should (string-match-p "^<<<<<<< " (buffer-string)))
    (should smerge-mode)
    (driver-do #'codefuse-review-accept-all)
    (should (equal (buffer-string) work-answer))
    (should-not smerge-mode)
    (should-not header-line-format)
    (driver-undo)
    (should (equal (buffer-string) work-square))))

(ert-deftest work-edit-is-taken-hunk-by-hunk ()
  (let* ((middle (mapconcat (lambda (n) (format "line_%d = %d\n" n n)) (number-sequence 1 12)))
         (old (concat "first = 1\n" middle "last = 1\n"))
         (new (concat "first = 2\n" middle "last = 2\n")))
    (driver-say "Count to two" new)
    (driver-with-file old
      (driver-quiet)
      (codefuse-edit (point-min) (point-max) "Count to two")
      (driver-wait "a proposal" (or codefuse-review--current (driver-said-p "does not know codefuse/edit")))
      (skip-unless codefuse-review--current)
      (should (= 2 (plist-get codefuse-review--current :total)))
      (driver-do #'codefuse-review-accept)
      (driver-do #'codefuse-review-reject)
      (should (equal (buffer-string) (concat "first = 2\n" middle "last = 1\n")))
      (should-not codefuse-review--current)
      (driver-undo)
      (should (equal (buffer-string) old)))))

(ert-deftest work-edit-by-the-keys-of-smerge-ends-the-review-too ()
  (driver-say "Add a docstring" work-answer)
  (driver-with-file work-square
    (work-propose)
    (while (save-excursion (goto-char (point-min)) (re-search-forward smerge-begin-re nil t))
      (goto-char (match-beginning 0))
      (driver-do #'smerge-keep-upper))
    (should (equal (buffer-string) work-square))
    (should-not codefuse-review--current)))

(ert-deftest work-edit-can-be-stopped-while-it-is-written ()
  (driver-say-slowly "Add a docstring" 0.2 "def square(side):\n" "    a\n" "    b\n" "    c\n" "    d\n" "    e\n" "    f\n"
                     "    g\n" "    h\n" "    i\n" "    j\n" "    k\n" "    l\n" "    m\n" "    n\n" "    o\n")
  (driver-with-file work-square
    (skip-unless (not (codefuse-server-lacks-p (codefuse-server) "codefuse/edit")))
    (codefuse-edit (point-min) (point-max) "Add a docstring")
    (driver-wait "its first words"
      (or (not codefuse-edit--running)
          (not (string-empty-p (overlay-get (plist-get codefuse-edit--running :overlay) 'codefuse-text)))))
    (skip-unless codefuse-edit--running)
    (driver-do #'codefuse-stop)
    (driver-wait "its end" (not codefuse-edit--running))
    (when codefuse-review--current (driver-do #'codefuse-review-reject-all))
    (should (equal (buffer-string) work-square))))

;;;; Chat

(defmacro work-with-chat (&rest body)
  "Run BODY in a new chat, begun from the current buffer."
  (declare (indent 0))
  `(let ((origin (current-buffer)))
     (unwind-protect
         (progn
           (driver-do #'codefuse-chat '(4))
           (with-current-buffer "*CodeFuse Chat*" ,@body))
       (with-current-buffer "*CodeFuse Chat*"
         (when codefuse-chat--running
           (codefuse-chat-stop)
           (driver-wait "the chat's end" (not codefuse-chat--running))))
       (kill-buffer "*CodeFuse Chat*")
       (delete-other-windows)
       (switch-to-buffer origin))))

(defun work-ask (question)
  "Send QUESTION."
  (goto-char (point-max))
  (driver-type question)
  (driver-do #'codefuse-chat-send))

(defun work-answered ()
  "Wait until the chat's answer is whole."
  (driver-wait "the answer's end" (not codefuse-chat--running)))

(defun work-texts ()
  "Return the texts of all turns that are shown."
  (mapcar (lambda (turn) (plist-get turn :text)) (codefuse-chat--turns)))

(ert-deftest work-chat-streams-into-its-buffer-while-the-next-question-is-typed ()
  (driver-say-slowly "How big" 0.15 "One " "two " "three " "four " "five " "six " "seven " "eight.")
  (driver-with-file work-square
    (work-with-chat
      (work-ask "How big is it?")
      (driver-wait "its first words" (string-match-p "One two" (buffer-string)))
      (should codefuse-chat--running)
      (driver-type "And how")
      (work-answered)
      (should (string-match-p "One two three four five six seven eight\\." (buffer-string)))
      (should (equal (codefuse-chat--question) "And how"))
      (should (equal (work-texts) '("How big is it?" "One two three four five six seven eight.")))
      (should-error (progn (goto-char (point-min)) (insert "x")) :type 'text-read-only))))

(ert-deftest work-chat-is-stopped-and-keeps-what-was-said ()
  (driver-say-slowly "How big" 0.15 "One " "two " "three " "four " "five " "six " "seven " "eight " "nine " "ten " "end.")
  (driver-with-file work-square
    (work-with-chat
      (work-ask "How big is it?")
      (driver-wait "its first words" (string-match-p "One two" (buffer-string)))
      (driver-do #'codefuse-chat-stop)
      (work-answered)
      (should (string-match-p "One two" (buffer-string)))
      (should-not (string-match-p "end\\." (buffer-string)))
      (should (string-match-p "— Stopped\\." (buffer-string))))))

(ert-deftest work-chat-refers-to-the-region ()
  (driver-say "How big" "Four.")
  (driver-with-file work-square
    (set-mark (point-min))
    (goto-char (point-max))
    (activate-mark)
    (let ((transient-mark-mode t))
      (work-with-chat
        ;; A new chat refers to what the region is when it is begun.
        (should (string-match-p "@area\\.py:1-" (buffer-string)))
        (work-ask "How big is it?")
        (work-answered)
        (should-not codefuse-chat--references)
        (should (seq-some (lambda (prompt) (and (string-match-p "How big is it" prompt)
                                                (string-match-p "side \\* side" prompt)))
                          (driver-engine :do "prompts")))))))

(ert-deftest work-chat-goes-on-with-a-conversation-and-opens-it-again ()
  (driver-say "First thing" "First answer.")
  (driver-say "Second thing" "Second answer.")
  (driver-with-file work-square
    (work-with-chat
      (work-ask "First thing")
      (work-answered)
      (work-ask "Second thing")
      (work-answered)
      (should (seq-some (lambda (prompt) (string-match-p "First answer\\.\\(?:.\\|\n\\)*Second thing" prompt))
                        (driver-engine :do "prompts")))
      (let ((id codefuse-chat--conversation))
        (driver-do #'codefuse-chat-new)
        (should-not (codefuse-chat--turns))
        (condition-case nil
            (codefuse-request-now "codefuse/conversations/open" (list :conversationId id)
                                  :server (codefuse-chat--server))
          (user-error (ert-skip "this server keeps no conversations that can be opened")))
        (cl-letf (((symbol-function 'completing-read) (work-choose "First thing")))
          (driver-do #'codefuse-chat-conversations))
        (driver-wait "its turns" (length= (codefuse-chat--turns) 4))
        (should (equal (work-texts) '("First thing" "First answer." "Second thing" "Second answer.")))))))

(ert-deftest work-chat-answers-again-and-edits-a-question ()
  (driver-say "First thing" "First answer.")
  (driver-with-file work-square
    (work-with-chat
      (work-ask "First thing")
      (work-answered)
      (skip-unless (plist-get (car (codefuse-chat--turns)) :turnId))
      (driver-say "First thing" "Another answer.")
      (driver-do #'codefuse-chat-regenerate)
      (work-answered)
      (should (equal (work-texts) '("First thing" "Another answer.")))
      (driver-wait "both answers" (string-match-p "^CodeFuse  (2/2)$" (buffer-string)))
      (driver-do #'codefuse-chat-switch-branch)
      (driver-wait "the first answer" (equal (work-texts) '("First thing" "First answer.")))
      (driver-say "Otherwise" "A third answer.")
      (driver-do #'codefuse-chat-edit "Otherwise asked")
      (work-answered)
      (should (equal (work-texts) '("Otherwise asked" "A third answer."))))))

(ert-deftest work-chat-completes-commands-and-references ()
  (driver-with-file work-square
    (work-with-chat
      (driver-type "/e")
      (let ((capf (codefuse-chat-complete)))
        (skip-unless capf)
        (should (member "/explain" (mapcar #'string-trim-right (all-completions "/e" (nth 2 capf)))))))))

(ert-deftest work-chat-has-its-code-taken-into-the-file ()
  (driver-say "Better" "Take this:\n\n```python\n" work-answer "```\n\nIt is shorter.")
  (driver-with-file work-square
    (let ((origin (current-buffer)))
      (work-with-chat
        (work-ask "Better?")
        (work-answered)
        (should (length= (codefuse-markdown-blocks) 1))
        (goto-char (plist-get (car (codefuse-markdown-blocks)) :code-beg))
        (font-lock-ensure)
        (should (memq 'codefuse-block (ensure-list (get-text-property (point) 'face))))
        (driver-do #'codefuse-markdown-copy-block)
        (should (equal (current-kill 0) work-answer))
        (driver-quiet)
        (codefuse-chat-apply-block "merge")
        (driver-wait "a proposal"
          (or (buffer-local-value 'codefuse-review--current origin) (driver-said-p "does not know")))
        (skip-unless (buffer-local-value 'codefuse-review--current origin))
        (with-current-buffer origin
          (driver-do #'codefuse-review-accept-all)
          (should (equal (buffer-string) work-answer))
          (driver-undo)
          (should (equal (buffer-string) work-square)))))))

(ert-deftest work-chat-that-cannot-be-answered-gives-the-question-back ()
  (driver-with-file work-square
    (driver-wait "a model" (equal (plist-get (codefuse-server-status (codefuse-server)) :state) "ready"))
    (driver-engine :do "end")
    (unwind-protect
        (work-with-chat
          (work-ask "How big is it?")
          (work-answered)
          (should (equal (codefuse-chat--question) "How big is it?")))
      (driver-engine :do "begin"))))

(ert-deftest work-chat-that-is-left-for-another-one-is-not-mixed-with-it ()
  (driver-say "First thing" "First answer.")
  (driver-with-file work-square
    (work-with-chat
      (work-ask "First thing")
      (work-answered)
      (let ((id codefuse-chat--conversation))
        (driver-do #'codefuse-chat-new)
        (driver-say-slowly "Second thing" 0.1 "Second " "answer.")
        (codefuse-chat-open id)
        (work-ask "Second thing")
        (work-answered)
        (should (equal (work-texts) '("Second thing" "Second answer.")))
        (should-not (equal id codefuse-chat--conversation))))))

(ert-deftest work-chat-keeps-what-was-said-when-nobody-can-say-it-again ()
  (driver-say "First thing" "First answer.")
  (driver-with-file work-square
    (work-with-chat
      (work-ask "First thing")
      (work-answered)
      (driver-engine :do "end")
      (unwind-protect
          (progn
            (driver-do #'codefuse-chat-regenerate)
            (work-answered)
            (should (equal (work-texts) '("First thing" "First answer."))))
        (driver-engine :do "begin")))))

(ert-deftest work-code-that-was-changed-meanwhile-is-left-alone ()
  (driver-with-file work-square
    (let* ((server (codefuse-server))
           (range (codefuse-range (point-min) (point-max) server))
           (hunk (list :range range :oldText work-square :newText "pass\n")))
      (should (codefuse-review-hunks (list hunk) server))
      (goto-char (point-min))
      (driver-type "# ")
      (should-error (codefuse-review-hunks (list hunk) server) :type 'user-error))))

(ert-deftest work-code-of-an-answer-begins-no-mode-but-one-of-a-language ()
  (should (codefuse-markdown--mode "python"))
  (should (codefuse-markdown--mode "elisp"))
  (should (codefuse-markdown--mode "css"))
  (dolist (word '("server" "desktop-save" "global-codefuse" "tool-bar" "dired" ""))
    (should-not (codefuse-markdown--mode word))))

;;;; Trouble

(ert-deftest trouble-with-the-model-is-told-and-passes ()
  (driver-say "def area(" "width):")
  (driver-with-file "def area(│"
    (driver-wait "a model" (equal (plist-get (codefuse-server-status (codefuse-server)) :state) "ready"))
    (driver-engine :do "end")
    (unwind-protect
        (progn
          (driver-do #'codefuse-complete)
          (driver-wait "the model's end"
            (not (equal (plist-get (codefuse-server-status (codefuse-server)) :state) "ready")))
          (driver-wait "the word in the mode line" (not (equal " CF" (codefuse--lighter)))))
      (driver-engine :do "begin"))
    (driver-wait "a suggestion after all"
      (unless codefuse-ghost--request
        (delete-region (point-min) (point-max))
        (driver-type "def area("))
      (accept-process-output nil 0.05)
      (equal (driver-ghost) "width):"))
    (driver-wait "the word in the mode line" (string-match-p "\\` CF\\*?\\'" (codefuse--lighter)))))

(ert-deftest trouble-with-the-server-is-mended-by-another-one ()
  (driver-say "def area(" "width):")
  (driver-with-file "│"
    (let ((first (codefuse-server)))
      (signal-process (work-process first) 'SIGKILL)
      (driver-wait "its end" (not (eq first (codefuse-server))))
      (driver-wait "another server"
        (let ((second (codefuse-server))) (and second (not (eq first second)))))
      (driver-type "def area(")
      (driver-wait-for-ghost "width):"))))

(defun work-process (server)
  "Return the process of SERVER."
  (pcase driver-client
    ('lsp-mode (process-id (lsp--workspace-cmd-proc (codefuse-lsp-mode-server-workspace server))))
    (_ (process-id (jsonrpc--process server)))))

(ert-deftest trouble-with-the-document-never-lasts ()
  "What the server has of a buffer is what is in it, however it was changed."
  (skip-unless (eq driver-client 'own))
  (driver-say "" "unused")
  (driver-with-file "a = '🍕'\nb = 2\nc = 3\n"
    (goto-char (point-max))
    (insert "d = 4\n")
    (goto-char (point-min))
    (delete-region (point) (+ 3 (point)))
    (insert "é🍕\n\n")
    (upcase-region (point-min) (point-max))
    (narrow-to-region 3 6)
    (goto-char (point-max))
    (insert "x\n🍕")
    (widen)
    (transpose-regions 1 3 5 8)
    (subst-char-in-region (point-min) (point-max) ?\n ?\s)
    (codefuse-replace (point-min) (point-max) "a = 1\nlast_line = ")
    (goto-char (point-max))
    (let ((prompt (plist-get (codefuse-request-now
                              "codefuse/inspectPrompt"
                              (list :textDocument (codefuse-text-document) :position (codefuse-position)))
                             :prompt)))
      (should (string-match-p "a = 1\nlast_line =" prompt))
      (should-not (string-match-p "🍕" prompt)))))

(provide 'work-tests)
;;; work-tests.el ends here
