;;; codefuse-chat-completion.el --- Complete commands and references in a chat -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; What `/' and `@' can stand for is the server's to say.

;;; Code:

(require 'codefuse-chat-buffer)

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

(provide 'codefuse-chat-completion)
;;; codefuse-chat-completion.el ends here
