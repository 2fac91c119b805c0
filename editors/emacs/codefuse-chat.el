;;; codefuse-chat.el --- Talk about code with the model -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; A buffer with what was said above, which is read only, and the question being written below.  Conversations are kept
;; by the server; this shows them.  Slash commands and references by @ are the server's too.

;;; Code:

(require 'codefuse-document)
(require 'codefuse-markdown)
(require 'codefuse-server)

(autoload 'codefuse-edit-apply-block "codefuse-edit")

(defface codefuse-chat-you '((t :inherit (bold font-lock-keyword-face) :extend t))
  "Heading of a question."
  :group 'codefuse)

(defface codefuse-chat-model '((t :inherit (bold font-lock-function-name-face) :extend t))
  "Heading of an answer."
  :group 'codefuse)

(defface codefuse-chat-note '((t :inherit shadow))
  "What is said about an answer."
  :group 'codefuse)

(defface codefuse-chat-reference '((t :inherit (button)))
  "Something that a question refers to."
  :group 'codefuse)

(defvar-local codefuse-chat--conversation nil "Id of the conversation.")
(defvar-local codefuse-chat--title nil "Its title.")
(defvar-local codefuse-chat--references nil "What the next question refers to.")
(defvar-local codefuse-chat--origin nil "Buffer that the chat was begun from.")
(defvar-local codefuse-chat--input nil "Marker where the question begins.")
(defvar-local codefuse-chat--said nil "Marker where what was said ends.")
(defvar-local codefuse-chat--running nil
  "The answer being written: a plist of :request, :token, :beg and :end.")

(defconst codefuse-chat--prompt "Ask" "What stands over the question.")

(defvar-keymap codefuse-chat-mode-map
  :doc "Keys in a chat."
  "C-c C-c" #'codefuse-chat-send
  "C-c RET" #'codefuse-chat-send
  "C-c C-k" #'codefuse-chat-stop
  "C-c C-r" #'codefuse-chat-regenerate
  "C-c C-e" #'codefuse-chat-edit
  "C-c C-d" #'codefuse-chat-delete-turn
  "C-c C-b" #'codefuse-chat-switch-branch
  "C-c C-n" #'codefuse-chat-new
  "C-c C-o" #'codefuse-chat-conversations
  "C-c C-t" #'codefuse-chat-rename
  "C-c C-x" #'codefuse-chat-export
  "C-c C-a" #'codefuse-chat-apply-block
  "C-c C-w" #'codefuse-markdown-copy-block
  "C-c C-i" #'codefuse-chat-insert-block
  "C-c C-f" #'codefuse-chat-clear-references
  "M-n" #'codefuse-markdown-next-block
  "M-p" #'codefuse-markdown-previous-block
  "C-c C-p" #'codefuse-chat-previous-turn
  "C-c C-s" #'codefuse-chat-next-turn)

(put 'codefuse-chat-send :advertised-binding (kbd "C-c C-c"))

(define-derived-mode codefuse-chat-mode text-mode "CodeFuse Chat"
  "Talk about code with the model.
Write below the line and send with \\[codefuse-chat-send].
\\{codefuse-chat-mode-map}"
  :interactive nil
  (codefuse-markdown-setup)
  (visual-line-mode 1)
  (setq-local codefuse-chat--said (copy-marker (point-min)))
  (setq-local codefuse-chat--input (copy-marker (point-min)))
  (setq header-line-format '(:eval (codefuse-chat--header)))
  (add-hook 'completion-at-point-functions #'codefuse-chat-complete nil t)
  (add-hook 'kill-buffer-hook #'codefuse-chat--leave nil t))

(defun codefuse-chat--header ()
  "Return the line over the chat."
  (let ((status (ignore-errors (codefuse-server-status (codefuse-chat--server)))))
    (concat " " (or codefuse-chat--title "New chat")
            (when-let* ((model (plist-get status :model))) (concat "  ·  " (file-name-nondirectory model)))
            (cond
             (codefuse-chat--running (substitute-command-keys "  ·  writing, \\[codefuse-chat-stop] stops it"))
             (t (substitute-command-keys "  ·  \\[codefuse-chat-send] sends"))))))

(defmacro codefuse-chat--writing (&rest body)
  "Run BODY, which may change what is read only."
  (declare (indent 0) (debug t))
  `(let ((inhibit-read-only t)
         (buffer-undo-list t))
     ,@body))

(defmacro codefuse-chat--keeping-windows (&rest body)
  "Run BODY; windows that show the end of the buffer show it afterwards too."
  (declare (indent 0) (debug t))
  `(let ((following (seq-filter (lambda (window) (>= (window-point window) codefuse-chat--said))
                                (get-buffer-window-list nil nil t))))
     ,@body
     (dolist (window following)
       (unless (pos-visible-in-window-p (window-point window) window)
         (with-selected-window window (recenter -1))))))

;;;; The server behind it

(defun codefuse-chat--server ()
  "Return the server to ask: that of the buffer the chat was begun from."
  (or (and (buffer-live-p codefuse-chat--origin)
           (with-current-buffer codefuse-chat--origin
             (if (and (bound-and-true-p codefuse-mode) (buffer-file-name))
                 (codefuse-server-required)
               (codefuse-server))))
      (car (codefuse-servers))
      (user-error "CodeFuse: no language server runs; open a file with `codefuse-mode' on")))

(defun codefuse-chat--ask (method params on-result)
  "Send METHOD with PARAMS; ON-RESULT takes the answer in this buffer."
  (codefuse-request method params :server (codefuse-chat--server) :on-result on-result))

;;;; The buffer

;;;###autoload
(defun codefuse-chat (&optional new)
  "Open the chat; with a prefix argument NEW, a new one.
The region, if there is one, is what the next question refers to."
  (interactive "P")
  (let ((origin (current-buffer))
        (reference (and (use-region-p) (not (derived-mode-p 'codefuse-chat-mode))
                        (codefuse-chat--region-reference))))
    (unless (or (derived-mode-p 'codefuse-chat-mode) (codefuse-servers)) (codefuse-server-required))
    (pop-to-buffer (codefuse-chat--buffer))
    (unless (or (eq origin (current-buffer)) (with-current-buffer origin (derived-mode-p 'codefuse-chat-mode)))
      (setq codefuse-chat--origin origin))
    (when new (codefuse-chat-new))
    (when reference (codefuse-chat--refer reference))
    (goto-char (point-max))))

(defun codefuse-chat--buffer ()
  "Return the chat's buffer."
  (let ((buffer (get-buffer-create "*CodeFuse Chat*")))
    (with-current-buffer buffer
      (unless (derived-mode-p 'codefuse-chat-mode)
        (codefuse-chat-mode)
        (codefuse-chat--draw nil)))
    buffer))

(defun codefuse-chat--region-reference ()
  "Return a reference to the region."
  (let ((server (codefuse-server-required)))
    (list :uri (codefuse-uri)
          :range (codefuse-range (region-beginning) (region-end) server)
          :kind "selection")))

(defun codefuse-chat-new ()
  "Begin a new conversation."
  (interactive nil codefuse-chat-mode)
  (codefuse-chat--idle)
  (setq codefuse-chat--conversation nil codefuse-chat--title nil codefuse-chat--references nil)
  (codefuse-chat--draw nil))

(defun codefuse-chat--idle ()
  "Signal a `user-error' while an answer is written."
  (when codefuse-chat--running
    (user-error "CodeFuse is still writing; %s"
                (substitute-command-keys "\\<codefuse-chat-mode-map>\\[codefuse-chat-stop] stops it"))))

(defun codefuse-chat--draw (turns)
  "Show TURNS, and what is being written of the next question below them."
  (let ((question (codefuse-chat--question)))
    (codefuse-chat--writing
      (erase-buffer)
      (set-marker codefuse-chat--said (point-min))
      (dolist (turn turns) (codefuse-chat--add turn))
      (codefuse-chat--draw-prompt question))))

(defun codefuse-chat--draw-prompt (question)
  "Draw the line that divides, what QUESTION refers to, and QUESTION."
  (goto-char codefuse-chat--said)
  (delete-region (point) (point-max))
  (set-marker-insertion-type codefuse-chat--said nil)
  (let ((beg (point)))
    (insert (propertize (concat codefuse-chat--prompt " ") 'font-lock-face 'codefuse-chat-you)
            (propertize "\n" 'font-lock-face '(:inherit codefuse-chat-you :underline t :extend t)))
    (dolist (reference codefuse-chat--references)
      (insert (codefuse-chat--chip reference) " "))
    (when codefuse-chat--references (insert "\n"))
    (codefuse-chat--seal beg (point)))
  (set-marker codefuse-chat--input (point))
  (insert question))

(defun codefuse-chat--seal (beg end)
  "Make the text from BEG to END read only."
  (add-text-properties beg end '(read-only t rear-nonsticky (read-only font-lock-face) front-sticky (read-only))))

(defun codefuse-chat--question ()
  "Return the question being written."
  (if (and codefuse-chat--input (marker-position codefuse-chat--input))
      (buffer-substring-no-properties codefuse-chat--input (point-max))
    ""))

(defun codefuse-chat--add (turn)
  "Draw TURN behind what was said; return the bounds of its text."
  (save-excursion
    (goto-char codefuse-chat--said)
    (let ((beg (point)) from end to)
      (insert (propertize (codefuse-chat--heading turn)
                          'font-lock-face (if (codefuse-chat--human-p turn) 'codefuse-chat-you 'codefuse-chat-model))
              "\n")
      (mapc (lambda (reference) (insert (codefuse-chat--chip reference t) " "))
            (append (plist-get turn :references) nil))
      (unless (bolp) (insert "\n"))
      (setq from (point))
      (insert (plist-get turn :text))
      (setq end (point))
      (insert "\n\n")
      (setq to (copy-marker end t))
      (put-text-property beg (point) 'codefuse-turn turn)
      (codefuse-chat--seal beg (point))
      (set-marker codefuse-chat--said (point))
      (cons from to))))

(defun codefuse-chat--human-p (turn)
  "Return non-nil if TURN is a question."
  (equal (plist-get turn :role) "human"))

(defun codefuse-chat--heading (turn)
  "Return the heading of TURN, with which of how many it is."
  (let* ((siblings (append (plist-get turn :siblings) nil))
         (place (seq-position siblings (plist-get turn :turnId)))
         (reason (plist-get turn :finishReason)))
    (concat (if (codefuse-chat--human-p turn) "You" "CodeFuse")
            (if (length> siblings 1) (format "  (%d/%d)" (1+ (or place 0)) (length siblings)) "")
            (if (member reason '(nil "" "stop")) "" (format "  (%s)" reason)))))

;;;; References

(defun codefuse-chat--reference-name (reference)
  "Return how to call REFERENCE."
  (let ((uri (plist-get reference :uri))
        (range (plist-get reference :range))
        (name (plist-get reference :name)))
    (concat "@" (or name
                    (and uri (codefuse-display-name uri))
                    (plist-get reference :kind))
            (if (and range (not name))
                (format ":%d-%d" (1+ (plist-get (plist-get range :start) :line))
                        (1+ (plist-get (plist-get range :end) :line)))
              ""))))

(defun codefuse-chat--chip (reference &optional sent)
  "Return a button for REFERENCE, which shows it, or drops it unless SENT."
  (let ((map (make-sparse-keymap))
        (go (lambda () (interactive) (codefuse-chat--visit reference)))
        (drop (lambda () (interactive) (codefuse-chat--drop reference))))
    (define-key map (kbd "RET") go)
    (define-key map [mouse-1] go)
    (unless sent
      (define-key map (kbd "DEL") drop)
      (define-key map [mouse-3] drop))
    (propertize (codefuse-chat--reference-name reference)
                'font-lock-face 'codefuse-chat-reference 'mouse-face 'highlight 'keymap map
                'help-echo (if sent "RET: go there" "RET: go there, DEL: leave it out"))))

(defun codefuse-chat--visit (reference)
  "Show what REFERENCE refers to."
  (let ((uri (plist-get reference :uri)))
    (unless (and uri (string-prefix-p "file:" uri)) (user-error "It is no place in a file"))
    (pop-to-buffer (find-file-noselect (codefuse-path uri)))
    (when-let* ((range (plist-get reference :range)))
      (goto-char (codefuse-point (plist-get range :start) (codefuse-server))))))

(defun codefuse-chat--refer (reference)
  "Have the next question refer to REFERENCE too."
  (cl-pushnew reference codefuse-chat--references :test #'equal)
  (codefuse-chat--redraw-prompt))

(defun codefuse-chat--drop (reference)
  "Have the next question not refer to REFERENCE."
  (setq codefuse-chat--references (delete reference codefuse-chat--references))
  (codefuse-chat--redraw-prompt))

(defun codefuse-chat-clear-references ()
  "Have the next question refer to nothing."
  (interactive nil codefuse-chat-mode)
  (setq codefuse-chat--references nil)
  (codefuse-chat--redraw-prompt))

(defun codefuse-chat--redraw-prompt ()
  "Draw anew what is below the line."
  (let ((place (- (point-max) (point))))
    (codefuse-chat--writing (codefuse-chat--draw-prompt (codefuse-chat--question)))
    (goto-char (max (point-min) (- (point-max) place)))))

;;;###autoload
(defun codefuse-chat-add-reference ()
  "Have the chat's next question refer to the region, or to this file."
  (interactive)
  (let* ((origin (current-buffer))
         (reference (if (use-region-p)
                        (codefuse-chat--region-reference)
                      (list :uri (or (codefuse-uri) (user-error "This buffer is no file")) :kind "file"))))
    (with-current-buffer (codefuse-chat--buffer)
      (setq codefuse-chat--origin origin)
      (codefuse-chat--refer reference)
      (display-buffer (current-buffer)))
    (message "The next question refers to %s" (codefuse-chat--reference-name reference))))

;;;; Asking

(defun codefuse-chat-send ()
  "Send the question."
  (interactive nil codefuse-chat-mode)
  (codefuse-chat--idle)
  (let ((question (string-trim (codefuse-chat--question)))
        (references (reverse codefuse-chat--references))
        (server (codefuse-chat--server)))
    (when (string-empty-p question) (user-error "CodeFuse: write a question first"))
    (when (buffer-live-p codefuse-chat--origin)
      (with-current-buffer codefuse-chat--origin (codefuse-server-flush server)))
    (setq codefuse-chat--references nil)
    (codefuse-chat--writing
      (delete-region codefuse-chat--input (point-max))
      (codefuse-chat--add (list :role "human" :text question :references references)))
    (codefuse-chat--start
     "codefuse/chat"
     (append (list :message question)
             (and codefuse-chat--conversation (list :conversationId codefuse-chat--conversation))
             (and references (list :references (vconcat references))))
     server
     (lambda () ; what was not answered can be sent again
       (setq codefuse-chat--references (reverse references))
       (codefuse-chat--writing (codefuse-chat--draw-prompt (concat question (codefuse-chat--question))))))))

(defun codefuse-chat--start (method params server on-failure)
  "Send METHOD with PARAMS to SERVER and show the answer as it comes.
ON-FAILURE is called if there is none."
  (let* ((buffer (current-buffer))
         (bounds (codefuse-chat--writing
                   (prog1 (codefuse-chat--add (list :role "bot" :text ""))
                     (codefuse-chat--redraw-prompt))))
         (token (codefuse-stream-open
                 (lambda (text)
                   (when (buffer-live-p buffer)
                     (with-current-buffer buffer (codefuse-chat--grow text)))))))
    (set-marker-insertion-type codefuse-chat--said t)
    (setq codefuse-chat--running (list :token token :beg (copy-marker (car bounds)) :end (cdr bounds)))
    (plist-put codefuse-chat--running :request
               (codefuse-request
                method (append params (list :partialResultToken token))
                :server server
                :on-result #'codefuse-chat--answered
                :on-error (lambda (sentence)
                            (codefuse-chat--failed sentence)
                            (funcall on-failure))))
    (force-mode-line-update)))

(defun codefuse-chat--grow (text)
  "Show that TEXT was written."
  (when codefuse-chat--running
    (let ((end (plist-get codefuse-chat--running :end))
          (turn (get-text-property (plist-get codefuse-chat--running :end) 'codefuse-turn)))
      (codefuse-chat--keeping-windows
        (codefuse-chat--writing
          (save-excursion
            (goto-char end)
            (let ((beg (point)))
              (insert text)
              (put-text-property beg (point) 'codefuse-turn turn)
              (codefuse-chat--seal beg (point)))))))))

(defun codefuse-chat--answered (result)
  "Show RESULT, the whole answer."
  (let ((running codefuse-chat--running))
    (codefuse-chat--over)
    (codefuse-chat--learn result)
    (codefuse-chat--writing
      (let* ((beg (plist-get running :beg)) (end (plist-get running :end)))
        (cl-loop with turn = (get-text-property end 'codefuse-turn)
                 for (key value) on (codefuse-chat--turn-of result) by #'cddr
                 do (plist-put turn key value)
                 finally (codefuse-replace beg end (plist-get result :text))
                 finally (put-text-property beg end 'codefuse-turn turn))
        (codefuse-chat--seal beg end)
        (codefuse-chat--note end (codefuse-chat--remarks result))))
    (force-mode-line-update)))

(defun codefuse-chat--turn-of (result)
  "Return the turn that RESULT is."
  (list :role "bot" :text (plist-get result :text) :turnId (plist-get result :turnId)
        :parentId (plist-get result :questionId) :finishReason (plist-get result :finishReason)
        :codeBlocks (plist-get result :codeBlocks)))

(defun codefuse-chat--learn (result)
  "Note the conversation of RESULT, and its question's id."
  (setq codefuse-chat--conversation (plist-get result :conversationId))
  (when-let* ((id (plist-get result :questionId))
              (question (cl-find-if #'codefuse-chat--human-p (reverse (codefuse-chat--turns)))))
    (plist-put question :turnId id)))

(defun codefuse-chat--remarks (result)
  "Return what is to be said about the answer RESULT, nil for nothing."
  (let ((remarks (append
                  (pcase (plist-get result :finishReason)
                    ("cancelled" '("Stopped."))
                    ("length" '("Cut: the answer reached its longest.")))
                  (plist-get result :leftOut) nil)))
    (and remarks (string-join remarks " "))))

(defun codefuse-chat--note (end remark)
  "Draw REMARK, if there is one, in its own line behind END."
  (when remark
    (save-excursion
      (goto-char end)
      (let ((beg (point)) (turn (get-text-property (max (point-min) (1- (point))) 'codefuse-turn)))
        (insert "\n\n" (propertize (concat "— " remark) 'font-lock-face 'codefuse-chat-note))
        (put-text-property beg (point) 'codefuse-turn turn)
        (codefuse-chat--seal beg (point))))))

(defun codefuse-chat--failed (sentence)
  "Show SENTENCE in place of an answer."
  (let ((running codefuse-chat--running))
    (codefuse-chat--over)
    (codefuse-chat--writing
      (codefuse-chat--note (plist-get running :end) (or sentence "Stopped.")))
    (force-mode-line-update)))

(defun codefuse-chat--over ()
  "Note that no answer is written any more."
  (when codefuse-chat--running
    (codefuse-stream-close (plist-get codefuse-chat--running :token))
    (setq codefuse-chat--running nil)
    (set-marker-insertion-type codefuse-chat--said nil)))

(defun codefuse-chat-stop ()
  "Stop the answer; what was said of it stays."
  (interactive nil codefuse-chat-mode)
  (unless codefuse-chat--running (user-error "CodeFuse writes nothing now"))
  (codefuse-cancel (plist-get codefuse-chat--running :request)))

(defun codefuse-chat--leave ()
  "Stop the answer of a chat that is closed."
  (when codefuse-chat--running
    (ignore-errors (codefuse-chat-stop))
    (codefuse-chat--over)))

;;;; Turns

(defun codefuse-chat--turns ()
  "Return the turns that are shown, in their order."
  (let ((place (point-min)) turns)
    (while (and place (< place codefuse-chat--said))
      (when-let* ((turn (get-text-property place 'codefuse-turn)))
        (unless (memq turn turns) (push turn turns)))
      (setq place (next-single-property-change place 'codefuse-turn)))
    (nreverse turns)))

(defun codefuse-chat--turn-at-point (wanted)
  "Return the turn at point if WANTED says so, else the last that it does."
  (let ((here (get-text-property (point) 'codefuse-turn)))
    (or (and here (funcall wanted here) here)
        (cl-find-if wanted (reverse (codefuse-chat--turns)))
        (user-error "There is no such turn"))))

(defun codefuse-chat--kept (turn)
  "Return the id of TURN, which the server has to know."
  (or (plist-get turn :turnId) (user-error "CodeFuse has not kept this turn")))

(defun codefuse-chat-regenerate ()
  "Have the question of the answer at point answered again."
  (interactive nil codefuse-chat-mode)
  (codefuse-chat--idle)
  (let* ((turn (codefuse-chat--turn-at-point (lambda (turn) (not (codefuse-chat--human-p turn)))))
         (id (codefuse-chat--kept turn))
         (server (codefuse-chat--server)))
    (codefuse-chat--cut turn)
    (codefuse-chat--start "codefuse/conversations/regenerate"
                          (list :conversationId codefuse-chat--conversation :turnId id)
                          server #'ignore)))

(defun codefuse-chat-edit (message)
  "Ask the question at point otherwise: as MESSAGE."
  (interactive
   (let ((turn (codefuse-chat--turn-at-point #'codefuse-chat--human-p)))
     (list (read-from-minibuffer "Ask instead: " (plist-get turn :text))))
   codefuse-chat-mode)
  (codefuse-chat--idle)
  (let* ((turn (codefuse-chat--turn-at-point #'codefuse-chat--human-p))
         (id (codefuse-chat--kept turn))
         (server (codefuse-chat--server)))
    (codefuse-chat--cut turn)
    (codefuse-chat--writing
      (codefuse-chat--add (list :role "human" :text message :references (plist-get turn :references))))
    (codefuse-chat--start "codefuse/conversations/edit"
                          (list :conversationId codefuse-chat--conversation :turnId id :message message)
                          server #'ignore)))

(defun codefuse-chat--cut (turn)
  "Show TURN and what was said after it no more."
  (let ((beg (text-property-any (point-min) codefuse-chat--said 'codefuse-turn turn)))
    (codefuse-chat--writing
      (delete-region beg codefuse-chat--said))
    (set-marker codefuse-chat--said beg)))

(defun codefuse-chat-delete-turn ()
  "Delete the turn at point, with all that was said after it."
  (interactive nil codefuse-chat-mode)
  (codefuse-chat--idle)
  (let* ((turn (codefuse-chat--turn-at-point #'identity))
         (id (codefuse-chat--kept turn)))
    (when (or noninteractive (y-or-n-p "Delete this turn and all after it? "))
      (codefuse-chat--ask "codefuse/conversations/delete"
                          (list :conversationId codefuse-chat--conversation :turnId id)
                          (lambda (_) (codefuse-chat--cut turn))))))

(defun codefuse-chat-switch-branch ()
  "Show another of the turns in the place of the one at point."
  (interactive nil codefuse-chat-mode)
  (codefuse-chat--idle)
  (let* ((turn (codefuse-chat--turn-at-point (lambda (turn) (length> (append (plist-get turn :siblings) nil) 1))))
         (siblings (append (plist-get turn :siblings) nil))
         (place (or (seq-position siblings (plist-get turn :turnId)) 0)))
    (codefuse-chat-open codefuse-chat--conversation (nth (mod (1+ place) (length siblings)) siblings))))

(defun codefuse-chat-next-turn (count)
  "Go to the heading of the turn COUNT turns further on."
  (interactive "p" codefuse-chat-mode)
  (let ((headings (mapcar (lambda (turn) (text-property-any (point-min) codefuse-chat--said 'codefuse-turn turn))
                          (codefuse-chat--turns))))
    (goto-char (or (if (> count 0)
                       (seq-find (lambda (place) (> place (point))) headings)
                     (seq-find (lambda (place) (< place (point))) (reverse headings)))
                   (if (> count 0) (point-max) (point-min))))))

(defun codefuse-chat-previous-turn (count)
  "Go to the heading of the turn COUNT turns before."
  (interactive "p" codefuse-chat-mode)
  (codefuse-chat-next-turn (- count)))

;;;; Conversations

(defun codefuse-chat-conversations (&optional query)
  "Choose an earlier conversation and show it.
With a prefix argument, choose among those in which the words of QUERY
are said, or which are called so."
  (interactive (list (and current-prefix-arg (read-string "Conversations about: "))))
  (unless (derived-mode-p 'codefuse-chat-mode) (codefuse-chat))
  (codefuse-chat--idle)
  (let* ((found (codefuse-request-now "codefuse/conversations"
                                      (append (list :limit 200) (and query (list :query query)))
                                      :server (codefuse-chat--server)))
         (names (codefuse-chat--names (append (plist-get found :items) nil))))
    (unless names (user-error (if query "No conversation is about this" "There is no conversation yet")))
    (let ((chosen (completing-read "Conversation: " (codefuse-chat--table names) nil t)))
      (codefuse-chat-open (plist-get (cdr (assoc chosen names)) :conversationId)))))

(defun codefuse-chat--names (items)
  "Return an alist of names, each another, of the conversations ITEMS."
  (let (names)
    (dolist (item items (nreverse names))
      (let* ((title (plist-get item :title)) (name title) (number 1))
        (while (assoc name names)
          (setq name (format "%s <%d>" title (cl-incf number))))
        (push (cons name item) names)))))

(defun codefuse-chat--table (names)
  "Return a completion table of NAMES, the newest first."
  (lambda (string predicate action)
    (if (eq action 'metadata)
        `(metadata (category . codefuse-conversation)
                   (display-sort-function . identity)
                   (annotation-function
                    . ,(lambda (name)
                         (let ((item (cdr (assoc name names))))
                           (format "  %d turns, %s  %s" (plist-get item :turns)
                                   (format-time-string "%F %R" (/ (plist-get item :updated) 1000))
                                   (replace-regexp-in-string "[ \n\t]+" " " (plist-get item :snippet)))))))
      (complete-with-action action names string predicate))))

(defun codefuse-chat-open (conversation &optional turn)
  "Show CONVERSATION, the branch that TURN is in."
  (codefuse-chat--ask "codefuse/conversations/open"
                      (append (list :conversationId conversation) (and turn (list :turnId turn)))
                      (lambda (result)
                        (setq codefuse-chat--conversation (plist-get result :conversationId)
                              codefuse-chat--title (plist-get result :title))
                        (codefuse-chat--draw (append (plist-get result :turns) nil))
                        (goto-char (point-max)))))

(defun codefuse-chat-rename (title)
  "Call the conversation TITLE."
  (interactive (list (read-string "Title: " codefuse-chat--title)) codefuse-chat-mode)
  (codefuse-chat--ask "codefuse/conversations/rename"
                      (list :conversationId (codefuse-chat--begun) :title title)
                      (lambda (result)
                        (setq codefuse-chat--title (plist-get result :title))
                        (force-mode-line-update))))

(defun codefuse-chat--begun ()
  "Return the conversation's id; there has to be one."
  (or codefuse-chat--conversation (user-error "The conversation has not begun yet")))

(defun codefuse-chat-delete ()
  "Delete the conversation."
  (interactive nil codefuse-chat-mode)
  (codefuse-chat--idle)
  (when (or noninteractive (y-or-n-p "Delete this conversation? "))
    (codefuse-chat--ask "codefuse/conversations/delete" (list :conversationId (codefuse-chat--begun))
                        (lambda (_) (codefuse-chat-new)))))

(defun codefuse-chat-export ()
  "Show the conversation as a Markdown document, which can be saved."
  (interactive nil codefuse-chat-mode)
  (codefuse-chat--ask "codefuse/conversations/export" (list :conversationId (codefuse-chat--begun))
                      (lambda (result)
                        (pop-to-buffer (generate-new-buffer "codefuse-chat.md"))
                        (insert (plist-get result :markdown))
                        (goto-char (point-min))
                        (when (fboundp 'markdown-mode) (funcall 'markdown-mode)))))

;;;; Blocks of code

(defun codefuse-chat--block ()
  "Return the block of code at point as a plist, and what the server says of it."
  (let* ((block (or (codefuse-markdown-block-at (point)) (user-error "There is no block of code here")))
         (code (codefuse-markdown-code block))
         (turn (get-text-property (point) 'codefuse-turn))
         (known (seq-find (lambda (one) (equal (string-trim-right (plist-get one :code)) (string-trim-right code)))
                          (plist-get turn :codeBlocks))))
    (or known (list :code code :language (plist-get block :language)))))

(defun codefuse-chat--target ()
  "Return the buffer that blocks of code go into."
  (if (buffer-live-p codefuse-chat--origin)
      codefuse-chat--origin
    (user-error "CodeFuse: the buffer that this chat was begun from is gone")))

(defun codefuse-chat-apply-block (&optional mode)
  "Put the block of code at point into its file, after you have seen how.
The region there is replaced, if there is one; else it is merged in by
its names.  With a prefix argument MODE, it is put in at point there."
  (interactive (list (cond (current-prefix-arg "insert")
                           ((with-current-buffer (codefuse-chat--target) (use-region-p)) "replace")
                           (t "merge")))
               codefuse-chat-mode)
  (codefuse-edit-apply-block (codefuse-chat--block) (codefuse-chat--target) (or mode "merge")))

(defun codefuse-chat-insert-block ()
  "Put the block of code at point in where point is in its file, as it is."
  (interactive nil codefuse-chat-mode)
  (let ((code (plist-get (codefuse-chat--block) :code)))
    (pop-to-buffer (codefuse-chat--target))
    (codefuse-as-one-step (insert code))))

;;;; Completion

(defun codefuse-chat-complete ()
  "Complete a slash command or a reference at point, as the server says.
For `completion-at-point-functions'."
  (when (and codefuse-chat--input (>= (point) codefuse-chat--input)
             (save-excursion
               (re-search-backward "[/@]" codefuse-chat--input t)))
    (when-let* ((server (ignore-errors (codefuse-chat--server)))
                ((not (codefuse-server-lacks-p server "codefuse/chat/complete")))
                (items (codefuse-chat--choices server)))
      (let ((beg (codefuse-chat--place (plist-get (car items) :start)))
            (end (codefuse-chat--place (plist-get (car items) :end))))
        (list beg end (codefuse-chat--choice-table items)
              :exclusive 'no
              :annotation-function
              (lambda (text) (concat "  " (plist-get (codefuse-chat--choice text items) :detail)))
              :exit-function
              (lambda (text status)
                (when (memq status '(finished sole exact))
                  (when-let* ((reference (plist-get (codefuse-chat--choice text items) :reference)))
                    (codefuse-chat--refer reference)))))))))

(defun codefuse-chat--choices (server)
  "Return what SERVER says can stand at point."
  (let ((origin codefuse-chat--origin))
    (append
     (plist-get
      (ignore-errors
        (codefuse-request-now
         "codefuse/chat/complete"
         (append
          (list :text (codefuse-chat--question)
                :offset (codefuse-units (buffer-substring-no-properties codefuse-chat--input (point))))
          (and (buffer-live-p origin) (buffer-file-name origin)
               (with-current-buffer origin
                 (append (list :textDocument (codefuse-text-document))
                         (and (use-region-p)
                              (list :range (codefuse-range (region-beginning) (region-end) server)))))))
         :server server :timeout 2 :interruptible (not noninteractive)))
      :items)
     nil)))

(defun codefuse-chat--place (units)
  "Return the place in the buffer UNITS of UTF-16 behind the question's beginning."
  (save-excursion
    (goto-char codefuse-chat--input)
    (while (and (> units 0) (not (eobp)))
      (cl-decf units (codefuse-units (string (char-after))))
      (forward-char))
    (point)))

(defun codefuse-chat--choice-table (items)
  "Return a completion table of the texts of ITEMS, in their order."
  (let ((texts (mapcar (lambda (item) (plist-get item :insertText)) items)))
    (lambda (string predicate action)
      (if (eq action 'metadata)
          '(metadata (category . codefuse-chat) (display-sort-function . identity) (cycle-sort-function . identity))
        (complete-with-action action texts string predicate)))))

(defun codefuse-chat--choice (text items)
  "Return the one of ITEMS that inserts TEXT."
  (seq-find (lambda (item) (equal (plist-get item :insertText) text)) items))

(provide 'codefuse-chat)
;;; codefuse-chat.el ends here
