;;; codefuse-trust.el --- Which projects you trust -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; A project that is trusted may bring actions and rules of its own, and have its tests run.  You are asked once for
;; each project, and the answer is kept.

;;; Code:

(require 'project)
(require 'codefuse-server)

(defcustom codefuse-trust 'ask
  "Whether projects are trusted.
A project that is trusted may bring actions and rules of its own, and
have its tests run by the server once you agree."
  :type '(choice (const :tag "Ask once for each project" ask)
                 (const :tag "Trust none" nil)
                 (const :tag "Trust all" t))
  :group 'codefuse
  :risky t)

(defcustom codefuse-trust-file (locate-user-emacs-file "codefuse-trust.eld")
  "File that keeps which projects you trust and which you do not."
  :type 'file
  :group 'codefuse)

(defvar codefuse-trust--known 'unread
  "Alist of projects and whether they are trusted.")

(defun codefuse-trust--known ()
  "Return what you said of projects so far."
  (when (eq codefuse-trust--known 'unread)
    (setq codefuse-trust--known
          (and (file-readable-p codefuse-trust-file)
               (with-temp-buffer
                 (insert-file-contents codefuse-trust-file)
                 (ignore-errors (read (current-buffer)))))))
  codefuse-trust--known)

(defun codefuse-trust--keep (root trusted)
  "Keep whether the project at ROOT is TRUSTED."
  (let ((root (file-truename root)))
    (setq codefuse-trust--known
          (cons (cons root trusted) (assoc-delete-all root (codefuse-trust--known))))
    (make-directory (file-name-directory codefuse-trust-file) t)
    (with-temp-file codefuse-trust-file
      (prin1 codefuse-trust--known (current-buffer)))))

(defun codefuse-trust-settled-p (root)
  "Return non-nil if nothing need be asked of the project at ROOT."
  (or noninteractive
      (not (eq codefuse-trust 'ask))
      (assoc (file-truename root) (codefuse-trust--known))))

(defun codefuse-trusted-p (root)
  "Return non-nil if the project at ROOT is trusted, asking if need be."
  (if (not (eq codefuse-trust 'ask))
      codefuse-trust
    (let ((known (assoc (file-truename root) (codefuse-trust--known))))
      (cond
       (known (cdr known))
       (noninteractive nil)
       (t (let ((trusted (y-or-n-p (format "Let %s bring actions and rules of its own for CodeFuse? "
                                           (abbreviate-file-name root)))))
            (codefuse-trust--keep root trusted)
            trusted))))))

(defun codefuse-project-root ()
  "Return the root of the project of the current buffer, or its folder."
  (let ((project (project-current)))
    (expand-file-name (if project (project-root project) default-directory))))

(defun codefuse-trust-project (root &optional distrust)
  "Trust the project at ROOT, or with a prefix argument DISTRUST it.
The server begins again, since it hears of trust only then."
  (interactive (list (codefuse-project-root) current-prefix-arg))
  (codefuse-trust--keep root (not distrust))
  (message "%s is %s" (abbreviate-file-name root) (if distrust "not trusted any more" "trusted"))
  (when-let* ((server (codefuse-server)))
    (codefuse-server-restart server)))

(provide 'codefuse-trust)
;;; codefuse-trust.el ends here
