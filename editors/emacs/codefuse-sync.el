;;; codefuse-sync.el --- Tell our server what is in buffers -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Opens, changes, saves and closes documents for a connection of our own.  Changes are kept as they are made and sent
;; together: before anything is asked, else when Emacs is idle.

;;; Code:

(require 'codefuse-connection)

(defvar-local codefuse-sync--server nil
  "The connection that has this buffer open.")

(defvar-local codefuse-sync--root nil
  "The project whose connection is to have this buffer open.")

(defvar-local codefuse-sync--uri nil
  "Address under which the server knows the buffer.")

(defvar-local codefuse-sync--version 0
  "Version of this buffer that the server knows, or will.")

(defvar-local codefuse-sync--changes nil
  "Changes that the server does not know yet, the last one first.
The symbol all stands for more than we can tell of: all is sent.")

(defvar-local codefuse-sync--before nil
  "What is about to change: its beginning, its end, and their range.")

(defvar-local codefuse-sync--idle nil
  "Timer after which changes are sent.")

(defconst codefuse-sync--most-changes 400
  "More changes than these are sent as the whole text.")

(defconst codefuse-sync--languages
  '(("bash" . "shellscript") ("sh" . "shellscript") ("c++" . "cpp") ("js" . "javascript") ("js2" . "javascript")
    ("js-jsx" . "javascriptreact") ("rjsx" . "javascriptreact") ("tsx" . "typescriptreact") ("csharp" . "csharp")
    ("emacs-lisp" . "elisp") ("lisp-interaction" . "elisp") ("gfm" . "markdown") ("mhtml" . "html") ("nxml" . "xml")
    ("cperl" . "perl") ("rustic" . "rust") ("conf-toml" . "toml") ("python-base" . "python") ("makefile-gmake" . "makefile")
    ("objc" . "objective-c") ("enh-ruby" . "ruby") ("latex" . "latex") ("plain-tex" . "tex"))
  "Names of languages where they are not those of their modes.")

(defun codefuse-language ()
  "Return the language of the current buffer as the protocol names it."
  (let ((name (replace-regexp-in-string "\\(?:-ts\\)?-mode\\'" "" (symbol-name major-mode))))
    (or (cdr (assoc name codefuse-sync--languages)) name)))

(defun codefuse-sync-server ()
  "Return the connection that has the current buffer open, or nil."
  (buffer-local-value 'codefuse-sync--server (or (buffer-base-buffer) (current-buffer))))

(add-hook 'codefuse-server-functions #'codefuse-sync-server)

(defun codefuse-sync-open (root)
  "Have the server for ROOT work for the current buffer as soon as it can."
  (unless (equal codefuse-sync--root root)
    (codefuse-sync-close)
    (setq codefuse-sync--root root)
    (codefuse-sync--hooks 'add-hook)
    (if (codefuse-trust-settled-p root)
        (codefuse-sync--join (codefuse-connection-for root))
      ;; The user is asked when the file is before them.
      (run-with-idle-timer 0.2 nil #'codefuse-sync--begin root))))

(defvar codefuse-sync--asking nil
  "Non-nil while the user is asked whether they trust a project.")

(defun codefuse-sync--begin (root)
  "Begin the server for ROOT, asking first; all its buffers wait for it."
  (if codefuse-sync--asking
      (run-with-idle-timer 1 nil #'codefuse-sync--begin root)
    (let ((codefuse-sync--asking t))
      (codefuse-connection-for root))))

(defun codefuse-sync--join (server)
  "Open the current buffer at SERVER if it can be asked already."
  (when (and server (codefuse-server-live-p server))
    (setq codefuse-sync--server server)
    (codefuse-sync--did-open)))

(defun codefuse-sync--hooks (change)
  "Have CHANGE, `add-hook' or `remove-hook', see to all that we watch."
  (pcase-dolist (`(,hook . ,watch) '((before-change-functions . codefuse-sync--before-change)
                                     (after-change-functions . codefuse-sync--after-change)
                                     (kill-buffer-hook . codefuse-sync-close)
                                     (before-revert-hook . codefuse-sync--all)
                                     (after-revert-hook . codefuse-sync--all)
                                     (after-save-hook . codefuse-sync--saved)
                                     (after-set-visited-file-name-hook . codefuse-sync--reopen)))
    (if (eq change 'add-hook) (add-hook hook watch nil t) (remove-hook hook watch t))))

(defun codefuse-sync--did-open ()
  "Tell the server of the current buffer."
  (setq codefuse-sync--changes nil
        codefuse-sync--uri (codefuse-uri))
  (cl-incf codefuse-sync--version)
  (codefuse-server-notify
   codefuse-sync--server "textDocument/didOpen"
   (list :textDocument (list :uri codefuse-sync--uri
                             :languageId (codefuse-language)
                             :version codefuse-sync--version
                             :text (codefuse-sync--text)))))

(defun codefuse-sync-close ()
  "Have no server work for the current buffer any more."
  (let ((server codefuse-sync--server))
    (when (and server codefuse-sync--uri (codefuse-server-live-p server))
      (codefuse-server-notify server "textDocument/didClose"
                              (list :textDocument (list :uri codefuse-sync--uri))))
    (codefuse-sync--hooks 'remove-hook)
    (codefuse-sync--part)
    (setq codefuse-sync--root nil)))

(defun codefuse-sync--part ()
  "Let go of the server, which may be there no more."
  (setq codefuse-sync--server nil codefuse-sync--uri nil codefuse-sync--changes nil))

(defun codefuse-sync--reopen ()
  "Open the current buffer under the name that it has now."
  (let ((root codefuse-sync--root))
    (codefuse-sync-close)
    (when (buffer-file-name) (codefuse-sync-open root))))

(defun codefuse-sync--text ()
  "Return all of the current buffer."
  (save-restriction
    (widen)
    (buffer-substring-no-properties (point-min) (point-max))))

;;;; Changes

(defun codefuse-sync--all ()
  "Note that anything may have changed."
  (setq codefuse-sync--changes 'all)
  (codefuse-sync--soon))

(defun codefuse-sync--before-change (beg end)
  "Note what is between BEG and END, which is about to change."
  (when (and codefuse-sync--uri (listp codefuse-sync--changes))
    (setq codefuse-sync--before (list beg end (codefuse-range beg end codefuse-sync--server)))))

(defun codefuse-sync--after-change (beg end length)
  "Note that there is new text from BEG to END in the place of LENGTH characters."
  (when codefuse-sync--uri
    (pcase-let ((`(,from ,to ,range) codefuse-sync--before))
      (cond
       ((eq codefuse-sync--changes 'all))
       ((and from (= from beg) (= (- to from) length)
             (< (length codefuse-sync--changes) codefuse-sync--most-changes))
        (push (list :range range :text (save-restriction (widen) (buffer-substring-no-properties beg end)))
              codefuse-sync--changes))
       ;; Some commands announce more than they change, which leaves nobody the old text's end.
       (t (setq codefuse-sync--changes 'all)))
      (setq codefuse-sync--before nil))
    (codefuse-sync--soon)))

(defun codefuse-sync--soon ()
  "Send the changes when Emacs is idle."
  (unless (memq codefuse-sync--idle timer-idle-list)
    (setq codefuse-sync--idle (run-with-idle-timer 0.5 nil #'codefuse-sync--send-in (current-buffer)))))

(defun codefuse-sync--send-in (buffer)
  "Send the changes of BUFFER if it lives."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer (codefuse-sync--send))))

(defun codefuse-sync--send ()
  "Send the changes of the current buffer."
  (when (and codefuse-sync--changes codefuse-sync--uri (codefuse-server-live-p codefuse-sync--server))
    (let ((changes (if (eq codefuse-sync--changes 'all)
                       (vector (list :text (codefuse-sync--text)))
                     (vconcat (reverse codefuse-sync--changes)))))
      (setq codefuse-sync--changes nil)
      (cl-incf codefuse-sync--version)
      (codefuse-server-notify
       codefuse-sync--server "textDocument/didChange"
       (list :textDocument (list :uri codefuse-sync--uri :version codefuse-sync--version)
             :contentChanges changes)))))

(defun codefuse-sync--saved ()
  "Tell that the buffer was saved."
  (codefuse-sync--send)
  (when (and codefuse-sync--uri (codefuse-server-live-p codefuse-sync--server))
    (codefuse-server-notify codefuse-sync--server "textDocument/didSave"
                            (list :textDocument (list :uri codefuse-sync--uri)))))

(cl-defmethod codefuse-server-flush ((_server codefuse-connection))
  "Send what was changed in the current buffer."
  (codefuse-sync--send))

(cl-defmethod codefuse-server-version ((server codefuse-connection))
  "Return the version of the current buffer if SERVER has it open."
  (and (eq server codefuse-sync--server) codefuse-sync--version))

;;;; Servers that come and go

(defun codefuse-sync--ready (server)
  "Open all buffers that wait for SERVER."
  (dolist (buffer (buffer-list))
    (with-current-buffer buffer
      (when (equal codefuse-sync--root (codefuse-server-root server)) (codefuse-sync--join server)))))

(defun codefuse-sync--gone (server)
  "Have all buffers of SERVER wait for the next one."
  (dolist (buffer (buffer-list))
    (with-current-buffer buffer
      (when (eq codefuse-sync--server server) (codefuse-sync--part)))))

(add-hook 'codefuse-connection-ready-hook #'codefuse-sync--ready)
(add-hook 'codefuse-connection-gone-hook #'codefuse-sync--gone)

(provide 'codefuse-sync)
;;; codefuse-sync.el ends here
