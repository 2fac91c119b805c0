;;; codefuse-write.el --- Reviews, names and commit messages -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; What the server offers beside code actions, each by a method of its own.

;;; Code:

(require 'codefuse-document)
(require 'codefuse-server)

(declare-function eglot-managed-p "eglot")
(declare-function eglot-rename "eglot" (newname))
(declare-function lsp-rename "lsp-mode" (newname))

(defun codefuse-review (&optional beg end)
  "Have the code from BEG to END reviewed, or the whole buffer.
What is found is shown where other diagnostics are."
  (interactive (and (use-region-p) (list (region-beginning) (region-end))))
  (let ((server (codefuse-server-required)))
    (codefuse-request "codefuse/review"
                      (append (list :textDocument (codefuse-text-document))
                              (and beg (list :range (codefuse-range beg end server))))
                      :server server
                      :on-result (lambda (result)
                                   (let ((count (length (plist-get result :findings))))
                                     (message "CodeFuse finds %s" (if (= count 1) "one thing" (format "%d things" count))))))
    (message "CodeFuse reviews…")))

(defun codefuse-clear-review ()
  "Take away what the review of this buffer found."
  (interactive)
  (codefuse-request "codefuse/review/clear" (codefuse-text-document) :on-result #'ignore))

(defun codefuse-rename ()
  "Choose a better name for what is at point among those that are suggested.
Another language server does the renaming where there is one."
  (interactive)
  (let* ((server (codefuse-server-required))
         (result (codefuse-request-now
                  "codefuse/renameSuggestions"
                  (list :textDocument (codefuse-text-document) :position (codefuse-position (point) server))
                  :server server :timeout 60))
         (old (plist-get result :name))
         (new (completing-read (format "Rename %s: " old) (append (plist-get result :suggestions) nil))))
    (cond
     ((or (string-empty-p new) (equal new old)) (message "It keeps its name"))
     ((and (fboundp 'eglot-managed-p) (eglot-managed-p)
           (not (eq (type-of (codefuse-server)) 'codefuse-eglot-server)))
      (eglot-rename new))
     ((and (bound-and-true-p lsp-mode) (fboundp 'lsp-rename)) (lsp-rename new))
     (t (save-excursion
          (goto-char (point-min))
          (query-replace-regexp (concat "\\_<" (regexp-quote old) "\\_>") new))))))

(defun codefuse-commit-message ()
  "Write a message for the staged changes at point, as in a commit buffer."
  (interactive "*")
  (let* ((server (or (codefuse-server) (car (codefuse-servers))
                     (user-error "CodeFuse: no language server runs; open a file with `codefuse-mode' on")))
         (end (copy-marker (point) t))
         (beg (copy-marker (point)))
         (buffer (current-buffer))
         (token (codefuse-stream-open
                 (lambda (text)
                   (when (buffer-live-p buffer)
                     (with-current-buffer buffer
                       (save-excursion (goto-char end) (insert text))))))))
    (codefuse-request "codefuse/commitMessage"
                      (list :uri (codefuse-uri (expand-file-name default-directory)) :partialResultToken token)
                      :server server
                      :on-error (lambda (sentence)
                                  (codefuse-stream-close token)
                                  (when sentence (message "CodeFuse: %s" sentence)))
                      :on-result (lambda (result)
                                   (codefuse-stream-close token)
                                   (codefuse-replace beg end (plist-get result :message))
                                   (message "CodeFuse: %s"
                                            (string-join (or (append (plist-get result :leftOut) nil)
                                                             '("this is the message"))
                                                         " "))))
    (message "CodeFuse writes the message…")))

(provide 'codefuse-write)
;;; codefuse-write.el ends here
