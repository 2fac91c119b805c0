;;; codefuse-lsp-mode.el --- Reach the server through lsp-mode -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Has lsp-mode run codefuse-lsp as an add-on beside its other servers:
;;
;;   (setopt codefuse-client 'lsp-mode)
;;
;; lsp-mode's own inline completion works with it, too; ours adds suggestions while you type without a pause, taking
;; them word by word, and going on from the popup of company or corfu.

;;; Code:

(require 'codefuse-connection)
(require 'codefuse-server)
(require 'codefuse-trust)

(defvar lsp--cur-workspace)
(defvar lsp--cur-version)
(defvar lsp-clients)
(defvar lsp-language-id-configuration)
(defvar lsp-progress-function)

(declare-function lsp-workspaces "lsp-mode")
(declare-function lsp-register-client "lsp-mode")
(declare-function make-lsp-client "lsp-mode")
(declare-function lsp-stdio-connection "lsp-mode")
(declare-function lsp-request-async "lsp-mode")
(declare-function lsp-notify "lsp-mode")
(declare-function lsp-session "lsp-mode")
(declare-function lsp-workspace-root "lsp-mode")
(declare-function lsp-workspace-restart "lsp-mode")
(declare-function lsp--session-workspaces "lsp-mode")
(declare-function lsp--workspace-client "lsp-mode")
(declare-function lsp--workspace-root "lsp-mode")
(declare-function lsp--workspace-status "lsp-mode")
(declare-function lsp--workspace-server-capabilities "lsp-mode")
(declare-function lsp--client-server-id "lsp-mode")
(declare-function lsp--buffer-uri "lsp-mode")

(cl-defstruct (codefuse-lsp-mode-server (:constructor codefuse-lsp-mode--make))
  "A codefuse-lsp that lsp-mode manages."
  workspace)

(defvar codefuse-lsp-mode--servers (make-hash-table :test #'eq :weakness 'key)
  "For each workspace of lsp-mode that is ours the server that we make of it.")

(defun codefuse-lsp-mode--server (workspace)
  "Return the server that we make of WORKSPACE."
  (or (gethash workspace codefuse-lsp-mode--servers)
      (puthash workspace (codefuse-lsp-mode--make :workspace workspace) codefuse-lsp-mode--servers)))

(defun codefuse-lsp-mode--ours-p (workspace)
  "Return non-nil if WORKSPACE runs a codefuse-lsp."
  (eq (lsp--client-server-id (lsp--workspace-client workspace)) 'codefuse))

(defun codefuse-lsp-mode-server-here ()
  "Return the server of lsp-mode's for this buffer that is ours, or nil."
  (when-let* (((bound-and-true-p lsp-mode))
              (workspace (seq-find #'codefuse-lsp-mode--ours-p (lsp-workspaces))))
    (codefuse-lsp-mode--server workspace)))

(add-hook 'codefuse-server-functions #'codefuse-lsp-mode-server-here)

(defun codefuse-lsp-mode--servers ()
  "Return all servers of lsp-mode's that are ours."
  (delete-dups (delq nil (mapcar (lambda (buffer) (with-current-buffer buffer (codefuse-lsp-mode-server-here)))
                                 (buffer-list)))))

(add-hook 'codefuse-server-live-functions #'codefuse-lsp-mode--servers)

(defun codefuse-lsp-mode--plist (value)
  "Return VALUE, of whatever kind lsp-mode reads objects as, with plists."
  (cond
   ((hash-table-p value)
    (let (plist)
      (maphash (lambda (key one)
                 (setq plist (nconc (list (intern (format ":%s" key)) (codefuse-lsp-mode--plist one)) plist)))
               value)
      plist))
   ((vectorp value) (vconcat (mapcar #'codefuse-lsp-mode--plist value)))
   ((and (consp value) (hash-table-p (car value))) (mapcar #'codefuse-lsp-mode--plist value)) ; merged results
   (t value)))

;;;; Our side of it

(cl-defmethod codefuse-server-send ((server codefuse-lsp-mode-server) method params on-result on-error)
  "Send SERVER METHOD with PARAMS; ON-RESULT or ON-ERROR takes the answer."
  (let ((lsp--cur-workspace (codefuse-lsp-mode-server-workspace server)))
    (plist-get (lsp-request-async method params
                                  (lambda (result) (funcall on-result (codefuse-lsp-mode--plist result)))
                                  :error-handler
                                  (lambda (failure) (funcall on-error (codefuse-lsp-mode--plist failure)))
                                  :mode 'detached)
               :id)))

(cl-defmethod codefuse-server-notify ((server codefuse-lsp-mode-server) method params)
  "Send SERVER the notification METHOD with PARAMS."
  (let ((lsp--cur-workspace (codefuse-lsp-mode-server-workspace server)))
    (lsp-notify method params)))

(cl-defmethod codefuse-server-live-p ((server codefuse-lsp-mode-server))
  "Return non-nil if SERVER can be asked."
  (eq (lsp--workspace-status (codefuse-lsp-mode-server-workspace server)) 'initialized))

(cl-defmethod codefuse-server-root ((server codefuse-lsp-mode-server))
  "Return the project of SERVER."
  (file-name-as-directory (lsp--workspace-root (codefuse-lsp-mode-server-workspace server))))

(cl-defmethod codefuse-server-encoding ((server codefuse-lsp-mode-server))
  "Return how SERVER counts columns."
  (let ((capabilities (codefuse-lsp-mode--plist
                       (lsp--workspace-server-capabilities (codefuse-lsp-mode-server-workspace server)))))
    (or (plist-get capabilities :positionEncoding) "utf-16")))

(cl-defmethod codefuse-server-version ((_server codefuse-lsp-mode-server))
  "Return the version of the current buffer."
  (and (bound-and-true-p lsp-mode) lsp--cur-version))

(cl-defmethod codefuse-server-uri ((_server codefuse-lsp-mode-server))
  "Return the address of the current buffer as lsp-mode writes it."
  (and (bound-and-true-p lsp-mode) (lsp--buffer-uri)))

(cl-defmethod codefuse-server-restart ((server codefuse-lsp-mode-server))
  "End SERVER and begin it again."
  (lsp-workspace-restart (codefuse-lsp-mode-server-workspace server)))

;;;; lsp-mode's side of it

(defun codefuse-lsp-mode--handlers (methods handle)
  "Return a table that has HANDLE called for each of METHODS.
It gets the server, the method as a symbol and the params as a plist."
  (let ((table (make-hash-table :test #'equal)))
    (dolist (method methods table)
      (puthash (symbol-name method)
               (lambda (workspace params)
                 (funcall handle (codefuse-lsp-mode--server workspace) method (codefuse-lsp-mode--plist params)))
               table))))

(defun codefuse-lsp-mode--notifications ()
  "Return how the notifications of the server are taken."
  (let ((table (codefuse-lsp-mode--handlers '(codefuse/status) #'codefuse-connection-take)))
    (puthash "$/progress"
             (lambda (workspace params)
               (let ((given (codefuse-lsp-mode--plist params)))
                 (unless (codefuse-stream-take (plist-get given :token) (plist-get given :value))
                   (funcall lsp-progress-function workspace params))))
             table)
    table))

(defun codefuse-lsp-mode-setup ()
  "Have lsp-mode run the server for buffers in which `codefuse-mode' is on."
  (unless (require 'lsp-mode nil t)
    (user-error "CodeFuse: `codefuse-client' is lsp-mode, which is not installed"))
  (unless (gethash 'codefuse lsp-clients)
    (lsp-register-client
     (make-lsp-client
      :new-connection (lsp-stdio-connection (lambda () (or (codefuse-connection-program) codefuse-server-command)))
      :activation-fn (lambda (&rest _) (bound-and-true-p codefuse-mode))
      :add-on? t
      :priority -2
      :server-id 'codefuse
      :initialization-options (lambda () (codefuse-server-options (codefuse-trusted-p (lsp-workspace-root))))
      :custom-capabilities '((experimental . ((codefuse . t))))
      :request-handlers (codefuse-lsp-mode--handlers
                         '(window/showDocument workspace/applyEdit workspace/configuration)
                         #'codefuse-connection--asked)
      :notification-handlers (codefuse-lsp-mode--notifications)))))

(provide 'codefuse-lsp-mode)
;;; codefuse-lsp-mode.el ends here
