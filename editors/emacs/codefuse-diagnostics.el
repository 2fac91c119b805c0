;;; codefuse-diagnostics.el --- What a review finds, by Flymake -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; A connection of our own has its diagnostics shown by Flymake, beside those of other tools.

;;; Code:

(require 'flymake)
(require 'codefuse-document)

(defvar-local codefuse-diagnostics--found nil
  "What the server has found in this buffer, as it says it.")

(defvar-local codefuse-diagnostics--report nil
  "Function by which Flymake is told.")

(defun codefuse-diagnostics-take (server uri diagnostics)
  "Show the DIAGNOSTICS that SERVER has published for URI."
  (when-let* (((string-prefix-p "file:" uri))
              (buffer (find-buffer-visiting (codefuse-path uri (codefuse-server-root server)))))
    (with-current-buffer buffer
      (setq codefuse-diagnostics--found (append diagnostics nil))
      (add-hook 'flymake-diagnostic-functions #'codefuse-diagnostics-flymake nil t)
      (cond (codefuse-diagnostics--report (codefuse-diagnostics--tell server))
            (codefuse-diagnostics--found
             (unless (bound-and-true-p flymake-mode) (flymake-mode 1))
             (flymake-start))))))

(defun codefuse-diagnostics-flymake (report &rest _)
  "Have Flymake told by REPORT, now and whenever there is news."
  (setq codefuse-diagnostics--report report)
  (codefuse-diagnostics--tell (codefuse-server)))

(defun codefuse-diagnostics--tell (server)
  "Tell Flymake what SERVER has found in the current buffer."
  (funcall codefuse-diagnostics--report
           (mapcar (lambda (one)
                     (pcase-let ((`(,beg . ,end) (codefuse-region (plist-get one :range) server)))
                       (flymake-make-diagnostic (current-buffer) beg (max end (min (point-max) (1+ beg)))
                                                (pcase (plist-get one :severity) (1 :error) (2 :warning) (_ :note))
                                                (concat "CodeFuse: " (plist-get one :message)))))
                   codefuse-diagnostics--found)
           :region (cons (point-min) (point-max))))

(provide 'codefuse-diagnostics)
;;; codefuse-diagnostics.el ends here
