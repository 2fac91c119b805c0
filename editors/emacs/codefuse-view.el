;;; codefuse-view.el --- Documents that the server writes -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Explanations and the like.  A `codefuse:' document fills while it is written; where the server writes a Markdown file
;; instead, that file is shown.

;;; Code:

(require 'codefuse-document)
(require 'codefuse-markdown)
(require 'codefuse-server)

(defvar-local codefuse-view--uri nil
  "Address of the document in this buffer.")

(defvar-local codefuse-view--server nil
  "The server that writes it.")

(defvar-keymap codefuse-view-mode-map
  :doc "Keys in documents of the server."
  :parent special-mode-map
  "n" #'codefuse-markdown-next-block
  "p" #'codefuse-markdown-previous-block
  "w" #'codefuse-markdown-copy-block)

(define-derived-mode codefuse-view-mode special-mode "CodeFuse View"
  "Mode for documents that the server writes.
\\{codefuse-view-mode-map}"
  :interactive nil
  (codefuse-markdown-setup)
  (setq-local revert-buffer-function (lambda (&rest _) (codefuse-view--fetch)))
  (visual-line-mode 1))

(defun codefuse-view-show (server uri)
  "Show the document at URI, of SERVER; return non-nil if that is done."
  (cond
   ((string-prefix-p "codefuse:" uri) (codefuse-view--open server uri))
   ((string-prefix-p "file:" uri) (codefuse-view--file (codefuse-path uri)))
   (t (browse-url uri) t)))

(defun codefuse-view--file (path)
  "Show the file at PATH; what the server wrote to be read is not edited."
  (let ((buffer (find-file-noselect path)))
    (when (string-match-p "/codefuse-lsp/views/[^/]+\\.md\\'" path)
      (with-current-buffer buffer
        (codefuse-view-mode)
        (goto-char (point-min))))
    (display-buffer buffer)
    t))

(defun codefuse-view--name (uri)
  "Return the name of the buffer for URI."
  (format "*CodeFuse: %s*"
          (replace-regexp-in-string "\\(?:-[0-9]+\\)?\\.md\\'" "" (file-name-nondirectory (url-unhex-string uri)))))

(defun codefuse-view--buffer (uri)
  "Return the buffer that shows URI, or nil."
  (seq-find (lambda (buffer) (equal uri (buffer-local-value 'codefuse-view--uri buffer))) (buffer-list)))

(defun codefuse-view--open (server uri)
  "Show the `codefuse:' document at URI of SERVER."
  (let ((buffer (or (codefuse-view--buffer uri) (get-buffer-create (codefuse-view--name uri)))))
    (with-current-buffer buffer
      (unless (derived-mode-p 'codefuse-view-mode) (codefuse-view-mode))
      (setq codefuse-view--uri uri
            codefuse-view--server server)
      (codefuse-view--fetch))
    (display-buffer buffer)
    t))

(defun codefuse-view-refresh (_server uri)
  "Get what stands in the document at URI now, if it is shown."
  (when-let* ((buffer (codefuse-view--buffer uri)))
    (with-current-buffer buffer (codefuse-view--fetch))))

(defun codefuse-view--fetch ()
  "Get the text of the current buffer's document."
  (when (codefuse-server-live-p codefuse-view--server)
    (codefuse-request "workspace/textDocumentContent" (list :uri codefuse-view--uri)
                      :server codefuse-view--server
                      :on-result (lambda (result) (codefuse-view--put (plist-get result :text))))))

(defun codefuse-view--put (text)
  "Have the current buffer hold TEXT; what it shares with it stays in place."
  (let ((inhibit-read-only t))
    (codefuse-replace (point-min) (point-max) text)
    (set-buffer-modified-p nil)))

(provide 'codefuse-view)
;;; codefuse-view.el ends here
