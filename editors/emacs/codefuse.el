;;; codefuse.el --- Code assistant whose model runs on your machine -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; Author: The codefuse-lsp authors
;; Maintainer: The codefuse-lsp authors
;; Version: 0.1.0
;; Package-Requires: ((emacs "29.1"))
;; Keywords: convenience, languages, tools
;; URL: https://github.com/codefuse-ai
;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Ghost text, code actions, inline edits and a chat from the language server codefuse-lsp.
;;
;;   (use-package codefuse
;;     :hook (prog-mode . codefuse-mode)
;;     :bind-keymap ("C-c f" . codefuse-command-map))
;;
;; It works beside eglot and lsp-mode, whatever language server these run, since it has a connection of its own.  Where
;; one of them runs codefuse-lsp itself, set `codefuse-client'.
;;
;; `codefuse-ghost-map' has the keys that take suggestions, `codefuse-menu' shows all commands.

;;; Code:

(require 'easymenu)
(require 'codefuse-ghost)
(require 'codefuse-server)

(defcustom codefuse-client 'own
  "How the server is reached.
A connection of our own works beside any other language server."
  :type '(choice (const :tag "By a connection of our own" own)
                 (const :tag "Through eglot, which runs it as this buffer's server" eglot)
                 (const :tag "Through lsp-mode, which runs it beside others" lsp-mode))
  :group 'codefuse)

(dolist (command '(("codefuse-actions" codefuse-action codefuse-explain codefuse-write-tests codefuse-fix)
                   ("codefuse-chat" codefuse-chat codefuse-chat-add-reference codefuse-chat-conversations)
                   ("codefuse-edit" codefuse-edit)
                   ("codefuse-menu" codefuse-menu)
                   ("codefuse-trust" codefuse-trust-project)
                   ("codefuse-report" codefuse-status codefuse-why codefuse-inspect-prompt)
                   ("codefuse-write" codefuse-review codefuse-clear-review codefuse-rename codefuse-commit-message)))
  (dolist (name (cdr command))
    (unless (fboundp name) (autoload name (car command) nil t))))

(declare-function codefuse-connection-again "codefuse-connection" (root))
(declare-function codefuse-connection-stop-work "codefuse-connection" (server))
(declare-function codefuse-edit-stop "codefuse-edit")
(declare-function codefuse-project-root "codefuse-trust")
(declare-function codefuse-sync-close "codefuse-sync")
(declare-function codefuse-sync-open "codefuse-sync" (root))
(declare-function codefuse-lsp-mode-setup "codefuse-lsp-mode")
(declare-function codefuse-report--state "codefuse-report" (server))

;;;; The mode

;;;###autoload (autoload 'codefuse-command-map "codefuse" nil t 'keymap)
(defvar-keymap codefuse-command-map
  :doc "Commands of CodeFuse, for a prefix key of your choice."
  "a" #'codefuse-action
  "c" #'codefuse-chat
  "e" #'codefuse-explain
  "f" #'codefuse-menu
  "i" #'codefuse-edit
  "k" #'codefuse-stop
  "r" #'codefuse-chat-add-reference
  "s" #'codefuse-status
  "t" #'codefuse-write-tests
  "w" #'codefuse-why
  "SPC" #'codefuse-complete)
(fset 'codefuse-command-map codefuse-command-map)

(defvar-keymap codefuse-mode-map
  :doc "Keys where CodeFuse is on; `codefuse-command-map' is for you to bind."
  "M-i" #'codefuse-complete)

(easy-menu-define codefuse-mode-menu codefuse-mode-map
  "Menu of CodeFuse."
  '("CodeFuse"
    ["Suggest" codefuse-complete]
    ["Actions…" codefuse-action]
    ["Explain" codefuse-explain]
    ["Write Tests" codefuse-write-tests]
    ["Change as You Say…" codefuse-edit]
    ["Chat" codefuse-chat]
    "---"
    ["Status" codefuse-status]
    ["Why No Suggestion?" codefuse-why]
    ["Stop" codefuse-stop]
    ["Restart the Server" codefuse-restart]
    ["Customize" (customize-group 'codefuse)]))

;;;###autoload
(define-minor-mode codefuse-mode
  "Have a model on your machine help with the code in this buffer.
\\{codefuse-mode-map}"
  :lighter (:eval (codefuse--lighter))
  :group 'codefuse
  (if codefuse-mode
      (progn
        (codefuse--attach)
        (codefuse-ghost-mode 1)
        (add-hook 'change-major-mode-hook #'codefuse--leave nil t))
    (remove-hook 'change-major-mode-hook #'codefuse--leave t)
    (codefuse-ghost-mode -1)
    (when (featurep 'codefuse-sync) (codefuse-sync-close))))

(defun codefuse--attach ()
  "Have a server work for the current buffer."
  (pcase codefuse-client
    ('eglot (require 'codefuse-eglot))
    ('lsp-mode
     (require 'codefuse-lsp-mode)
     (codefuse-lsp-mode-setup))
    (_
     (require 'codefuse-sync)
     (when (buffer-file-name) (codefuse-sync-open (codefuse-project-root))))))

(defun codefuse--leave ()
  "Turn `codefuse-mode' off, as the buffer becomes another one."
  (codefuse-mode -1))

(defun codefuse--turn-on ()
  "Turn `codefuse-mode' on where there is code in a file."
  (when (and (buffer-file-name) (not (minibufferp))
             (derived-mode-p 'prog-mode 'conf-mode 'text-mode))
    (codefuse-mode 1)))

;;;###autoload
(define-globalized-minor-mode global-codefuse-mode codefuse-mode codefuse--turn-on
  :group 'codefuse
  :predicate '(prog-mode conf-mode))

;;;; The mode line

(defface codefuse-failed '((t :inherit error))
  "The mode line's word for us when there is no model."
  :group 'codefuse)

(defvar-keymap codefuse--lighter-map
  :doc "Keys on our word in the mode line."
  "<mode-line> <mouse-1>" #'codefuse-status
  "<mode-line> <mouse-3>" #'codefuse-menu)

(defun codefuse--lighter ()
  "Return our word in the mode line: it tells how the model is."
  (let* ((server (codefuse-server))
         (status (codefuse-server-status server))
         (progress (plist-get status :progress)))
    (if (not (or server (buffer-file-name)))
        ""
      (codefuse--word server status progress))))

(defun codefuse--word (server status progress)
  "Return our word for SERVER, whose model has STATUS and makes PROGRESS."
  (propertize
   (concat " CF"
           (cond
            ((not server) ":off")
            ((equal (plist-get status :state) "failed") "!")
            ((member (plist-get status :state) '("starting" "loading"))
             (if (numberp progress) (format ":%d%%" (round (* 100 progress))) "…"))
            ((or codefuse-ghost--request (codefuse-true-p (plist-get status :busy))) "*")
            (t "")))
   'face (and (equal (plist-get status :state) "failed") 'codefuse-failed)
   'mouse-face 'mode-line-highlight
   'local-map codefuse--lighter-map
   'help-echo (lambda (&rest _)
                (require 'codefuse-report)
                (concat (if server (codefuse-report--state server) "The server is not there")
                        "\nmouse-1: status, mouse-3: menu"))))

;;;; Commands

(defun codefuse-stop ()
  "Stop what is being written for this buffer."
  (interactive)
  (cond
   ((and (featurep 'codefuse-edit) (codefuse-edit-stop)) (message "Stopped"))
   (codefuse-ghost--request (codefuse-dismiss) (message "Stopped"))
   ((codefuse--stop-work) (message "Stopped"))
   (t (message "CodeFuse writes nothing here; a chat is stopped in its own buffer"))))

(defun codefuse--stop-work ()
  "Stop what our server shows to be at; return non-nil if there is such."
  (when-let* ((server (codefuse-server))
              ((eq (type-of server) 'codefuse-connection)))
    (codefuse-connection-stop-work server)))

(defun codefuse-restart ()
  "End the server of this buffer and begin it again."
  (interactive)
  (if-let* ((server (codefuse-server)))
      (codefuse-server-restart server)
    (codefuse--attach)
    (codefuse-connection-again (codefuse-project-root))))

(provide 'codefuse)
;;; codefuse.el ends here
