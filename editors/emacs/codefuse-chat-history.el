;;; codefuse-chat-history.el --- Turns and conversations of a chat -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; What was said can be answered again, asked otherwise and deleted; the server keeps it and finds it again.

;;; Code:

(require 'codefuse-chat-asking)

(declare-function codefuse-chat "codefuse-chat" (&optional new))

(defconst codefuse-chat--most-turns 1000
  "Turns that the server gives at once.")

;;;; Turns

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
         (server (codefuse-chat--server))
         (back (codefuse-chat--way-back)))
    (codefuse-chat--cut turn)
    (codefuse-chat--start "codefuse/conversations/regenerate"
                          (list :conversationId codefuse-chat--conversation :turnId id)
                          server back #'codefuse-chat--reopen)))

(defun codefuse-chat--reopen (result)
  "Show the branch that RESULT is in, with the turns beside it."
  (codefuse-chat-open (plist-get result :conversationId) (plist-get result :turnId)))

(defun codefuse-chat--way-back ()
  "Return a function that shows what was said until now again.
It is called with the sentence that says why."
  (let ((turns (codefuse-chat--turns)))
    (lambda (sentence)
      (codefuse-chat--draw turns)
      (message "CodeFuse: %s" (or sentence "stopped")))))

(defun codefuse-chat-edit (message)
  "Ask the question at point otherwise: as MESSAGE."
  (interactive
   (let ((turn (codefuse-chat--turn-at-point #'codefuse-chat--human-p)))
     (list (read-from-minibuffer "Ask instead: " (plist-get turn :text))))
   codefuse-chat-mode)
  (codefuse-chat--idle)
  (let* ((turn (codefuse-chat--turn-at-point #'codefuse-chat--human-p))
         (id (codefuse-chat--kept turn))
         (server (codefuse-chat--server))
         (back (codefuse-chat--way-back)))
    (codefuse-chat--cut turn)
    (codefuse-chat--writing
      (codefuse-chat--add (list :role "human" :text message :references (plist-get turn :references))))
    (codefuse-chat--start "codefuse/conversations/edit"
                          (list :conversationId codefuse-chat--conversation :turnId id :message message)
                          server back #'codefuse-chat--reopen)))

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
  (let ((place (cl-incf codefuse-chat--place)))
    (codefuse-chat--ask "codefuse/conversations/open"
                        (append (list :conversationId conversation :limit codefuse-chat--most-turns)
                                (and turn (list :turnId turn)))
                        (lambda (result)
                          (when (= place codefuse-chat--place) (codefuse-chat--opened result))))))

(defun codefuse-chat--opened (result)
  "Show RESULT, a conversation."
  (setq codefuse-chat--conversation (plist-get result :conversationId)
        codefuse-chat--title (plist-get result :title))
  (codefuse-chat--draw (append (plist-get result :turns) nil))
  (goto-char (point-max))
  (let ((earlier (or (plist-get result :earlier) 0)))
    (when (> earlier 0)
      (message "%s" (substitute-command-keys
                     (format "%d turns before these are not shown; \\<codefuse-chat-mode-map>\\[codefuse-chat-export] has all"
                             earlier))))))

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

(defun codefuse-chat-new ()
  "Begin a new conversation."
  (interactive nil codefuse-chat-mode)
  (codefuse-chat--idle)
  (cl-incf codefuse-chat--place)
  (setq codefuse-chat--conversation nil codefuse-chat--title nil codefuse-chat--references nil)
  (codefuse-chat--draw nil))

(provide 'codefuse-chat-history)
;;; codefuse-chat-history.el ends here
