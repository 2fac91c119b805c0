;;; codefuse-chat-buffer.el --- What a chat is drawn as -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; What was said above, which is read only; the question being written below, with what it refers to over it.

;;; Code:

(require 'codefuse-document)
(require 'codefuse-server)

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

(defvar-local codefuse-chat--place 0
  "Counts what was gone to: what comes late, for a former place, is not shown.")

(defconst codefuse-chat--prompt "Ask" "What stands over the question.")

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

;;;; Drawing

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

(defun codefuse-chat--turns ()
  "Return the turns that are shown, in their order."
  (let ((place (point-min)) turns)
    (while (and place (< place codefuse-chat--said))
      (when-let* ((turn (get-text-property place 'codefuse-turn)))
        (unless (memq turn turns) (push turn turns)))
      (setq place (next-single-property-change place 'codefuse-turn)))
    (nreverse turns)))

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

(defun codefuse-chat--redraw-prompt ()
  "Draw anew what is below the line."
  (let ((place (- (point-max) (point))))
    (codefuse-chat--writing (codefuse-chat--draw-prompt (codefuse-chat--question)))
    (goto-char (max (point-min) (- (point-max) place)))))

(provide 'codefuse-chat-buffer)
;;; codefuse-chat-buffer.el ends here
