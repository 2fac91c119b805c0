;;; codefuse-chat.el --- Talk about code with the model -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; A buffer with what was said above, which is read only, and the question being written below.  Conversations are kept
;; by the server; this shows them.  Slash commands and references by @ are the server's too.

;;; Code:

(require 'codefuse-chat-asking)
(require 'codefuse-chat-buffer)
(require 'codefuse-chat-completion)
(require 'codefuse-chat-history)
(require 'codefuse-markdown)

(autoload 'codefuse-edit-apply-block "codefuse-edit")

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

;;;; Beginning

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

(defun codefuse-chat-clear-references ()
  "Have the next question refer to nothing."
  (interactive nil codefuse-chat-mode)
  (setq codefuse-chat--references nil)
  (codefuse-chat--redraw-prompt))

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

(provide 'codefuse-chat)
;;; codefuse-chat.el ends here
