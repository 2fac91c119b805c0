;;; codefuse-connection.el --- A connection of our own to the language server -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; One server for each project, beside whatever other language server eglot or lsp-mode may run for the same buffers.
;; Here it is started, asked to begin, told of documents by `codefuse-sync', answered, and begun again when it ends.

;;; Code:

(require 'jsonrpc)
(require 'codefuse-document)
(require 'codefuse-server)
(require 'codefuse-trust)

(autoload 'codefuse-view-refresh "codefuse-view")
(autoload 'codefuse-view-show "codefuse-view")
(autoload 'codefuse-diagnostics-take "codefuse-diagnostics")

(defclass codefuse-connection (jsonrpc-process-connection)
  ((root :initarg :root :accessor codefuse-connection-root)
   (state :initform 'starting :accessor codefuse-connection-state
          :documentation "One of starting, ready, leaving and gone.")
   (capabilities :initform nil :accessor codefuse-connection-capabilities)
   (work :initform nil :accessor codefuse-connection-work
         :documentation "What it is at, by token: an alist of plists."))
  :documentation "A language server of ours for one project.")

(defvar codefuse-connections nil
  "Alist of the roots of projects and their connections.")

(defvar codefuse-connection-ready-hook nil
  "Run with a connection when it can be asked.")

(defvar codefuse-connection-gone-hook nil
  "Run with a connection when its process has ended.")

(defvar codefuse-connection--failures nil
  "Alist of roots and the times at which their servers ended unasked.")

(defconst codefuse-connection--patience '(1 2 4 8)
  "Seconds before a server that ended is begun again, the first time and so on.")

(defconst codefuse-connection--memory 180
  "Seconds after which a failure is forgotten.")

(defvar codefuse-connection--sent-id nil
  "Id of the request that is just being sent.")

;;;; Its face

(cl-defmethod jsonrpc-connection-send :before ((_server codefuse-connection) &key id method &allow-other-keys)
  "Note the ID of a request: jsonrpc tells it to nobody."
  (when method (setq codefuse-connection--sent-id id)))

(defun codefuse-connection-send (server method params on-result on-error)
  "Send the request METHOD with PARAMS by jsonrpc to SERVER; return its id.
ON-RESULT and ON-ERROR are as in `codefuse-server-send'."
  (let ((codefuse-connection--sent-id nil))
    (jsonrpc-async-request server (intern (concat ":" method)) params
                           :success-fn on-result :error-fn on-error :timeout nil)
    codefuse-connection--sent-id))

(cl-defmethod codefuse-server-send ((server codefuse-connection) method params on-result on-error)
  "Send SERVER METHOD with PARAMS; ON-RESULT or ON-ERROR takes the answer."
  (codefuse-connection-send server method params on-result on-error))

(cl-defmethod codefuse-server-notify ((server codefuse-connection) method params)
  "Send SERVER the notification METHOD with PARAMS."
  (jsonrpc-notify server (intern (concat ":" method)) params))

(cl-defmethod codefuse-server-live-p ((server codefuse-connection))
  "Return non-nil if SERVER can be asked."
  (and (eq (codefuse-connection-state server) 'ready) (jsonrpc-running-p server)))

(cl-defmethod codefuse-server-root ((server codefuse-connection))
  "Return the project of SERVER."
  (codefuse-connection-root server))

(cl-defmethod codefuse-server-encoding ((server codefuse-connection))
  "Return how SERVER counts columns."
  (or (plist-get (codefuse-connection-capabilities server) :positionEncoding) "utf-16"))

(cl-defmethod codefuse-server-restart ((server codefuse-connection))
  "End SERVER and begin it again."
  (codefuse-connection-again (codefuse-connection-root server)))

(add-hook 'codefuse-server-live-functions
          (lambda () (seq-filter #'codefuse-server-live-p (mapcar #'cdr codefuse-connections))))

;;;; Beginning

(defun codefuse-connection-program ()
  "Return the command of the server, its program found; nil if it is not."
  (pcase-let ((`(,program . ,arguments) codefuse-server-command))
    (when-let* ((found (executable-find (if (string-search "/" program) (expand-file-name program) program) t)))
      (cons (file-local-name found) arguments))))

(defun codefuse-connection-for (root)
  "Return the connection for the project at ROOT, begun if it is not there.
Nil where there is no program to begin, or it has failed too often."
  (or (alist-get root codefuse-connections nil nil #'equal)
      (and (not (alist-get root codefuse-connection--failures nil nil #'equal))
           (codefuse-connection-begin root))))

(defun codefuse-connection-begin (root)
  "Begin a server for the project at ROOT and return its connection."
  (let* ((default-directory root)
         (command (codefuse-connection-program))
         (name (format "codefuse %s" (file-name-nondirectory (directory-file-name root)))))
    (if (not command)
        (progn
          (push (list root (float-time)) codefuse-connection--failures)
          (message "CodeFuse: there is no program %s; install codefuse-lsp or say where it is in `codefuse-server-command'"
                   (car codefuse-server-command))
          nil)
      (let ((server (apply #'make-instance 'codefuse-connection
                           :name name
                           :root root
                           :process (lambda () (codefuse-connection--process name command))
                           :request-dispatcher #'codefuse-connection--asked
                           :notification-dispatcher #'codefuse-connection--told
                           :on-shutdown #'codefuse-connection--gone
                           (if (< emacs-major-version 30)
                               '(:events-buffer-scrollback-size 0)
                             '(:events-buffer-config (:size 0))))))
        (setf (alist-get root codefuse-connections nil nil #'equal) server)
        (codefuse-connection--initialize server)
        server))))

(defun codefuse-connection--process (name command)
  "Start COMMAND as a process called NAME."
  (make-process :name name
                :command command
                :connection-type 'pipe
                :coding 'utf-8-emacs-unix
                :noquery t
                :stderr (get-buffer-create (format "*%s stderr*" name))
                :file-handler t))

(defun codefuse-connection--initialize (server)
  "Shake hands with SERVER."
  (let* ((root (codefuse-connection-root server))
         (uri (codefuse-uri (directory-file-name root))))
    (codefuse-connection-send
     server "initialize"
     (list :processId (unless (file-remote-p root) (emacs-pid))
           :clientInfo (list :name "Emacs" :version emacs-version)
           :rootUri uri
           :workspaceFolders (vector (list :uri uri :name (file-name-nondirectory (directory-file-name root))))
           :initializationOptions (codefuse-server-options (codefuse-trusted-p root))
           :capabilities (codefuse-connection--capabilities))
     (lambda (result)
       (setf (codefuse-connection-capabilities server) (plist-get result :capabilities))
       (jsonrpc-notify server :initialized (make-hash-table))
       (setf (codefuse-connection-state server) 'ready)
       (run-hook-with-args 'codefuse-connection-ready-hook server)
       (force-mode-line-update t))
     (lambda (failure)
       (message "CodeFuse: the server did not begin: %s" (plist-get failure :message))))))

(defun codefuse-connection--capabilities ()
  "Return what we can show."
  '( :general (:positionEncodings ["utf-16"])
     :workspace ( :applyEdit t
                  :configuration t
                  :workspaceFolders t
                  :didChangeConfiguration (:dynamicRegistration :json-false)
                  :workspaceEdit (:documentChanges t :resourceOperations ["create" "rename"])
                  :textDocumentContent (:dynamicRegistration :json-false))
     :textDocument ( :synchronization (:didSave t)
                     :inlineCompletion (:dynamicRegistration :json-false)
                     :publishDiagnostics (:versionSupport t)
                     :codeAction ( :dataSupport t
                                   :isPreferredSupport t
                                   :resolveSupport (:properties ["edit" "command"])
                                   :codeActionLiteralSupport
                                   (:codeActionKind (:valueSet ["" "quickfix" "refactor" "source"]))))
     :window (:workDoneProgress t :showDocument (:support t))
     :experimental (:codefuse t)))

;;;; Ending

(defun codefuse-connection-end (server)
  "End SERVER in good order."
  (unless (memq (codefuse-connection-state server) '(leaving gone))
    (let ((was-ready (codefuse-server-live-p server)))
      (setf (codefuse-connection-state server) 'leaving)
      (ignore-errors
        (when was-ready (jsonrpc-request server :shutdown nil :timeout 3))
        (jsonrpc-notify server :exit nil)
        (with-timeout (3 nil)
          (while (jsonrpc-running-p server) (accept-process-output nil 0.02))))
      (when (jsonrpc-running-p server)
        (delete-process (jsonrpc--process server)))
      (codefuse-connection--forget server))))

(defun codefuse-connection-end-all ()
  "End all servers of ours."
  (mapc #'codefuse-connection-end (mapcar #'cdr codefuse-connections)))

(add-hook 'kill-emacs-hook #'codefuse-connection-end-all)

(defun codefuse-connection--forget (server)
  "Let go of SERVER."
  (setf (codefuse-connection-state server) 'gone)
  (let ((root (codefuse-connection-root server)))
    (when (eq server (alist-get root codefuse-connections nil nil #'equal))
      (setf (alist-get root codefuse-connections nil t #'equal) nil)))
  (run-hook-with-args 'codefuse-connection-gone-hook server)
  (force-mode-line-update t))

(defun codefuse-connection--gone (server)
  "Begin SERVER again, whose process has ended; soon, or later if it often ends."
  (unless (memq (codefuse-connection-state server) '(leaving gone))
    (let* ((root (codefuse-connection-root server))
           (now (float-time))
           (recent (seq-filter (lambda (time) (< (- now time) codefuse-connection--memory))
                               (alist-get root codefuse-connection--failures nil nil #'equal)))
           (pause (nth (length recent) codefuse-connection--patience)))
      (codefuse-connection--forget server)
      (setf (alist-get root codefuse-connection--failures nil nil #'equal) (cons now recent))
      (if pause
          (progn
            (message "CodeFuse: the server for %s has ended; it is begun again" (abbreviate-file-name root))
            (run-at-time pause nil #'codefuse-connection--again root))
        (message "CodeFuse: the server for %s keeps ending; M-x codefuse-restart tries again"
                 (abbreviate-file-name root))))))

(defun codefuse-connection-again (root)
  "End the server for the project at ROOT, however it is, and begin it."
  (setf (alist-get root codefuse-connection--failures nil t #'equal) nil)
  (when-let* ((server (alist-get root codefuse-connections nil nil #'equal)))
    (codefuse-connection-end server))
  (codefuse-connection-begin root))

(defun codefuse-connection-stop-work (server)
  "Stop what SERVER shows to be at; return non-nil if that can be stopped."
  (when-let* ((token (car (seq-find (lambda (work) (codefuse-true-p (plist-get (cdr work) :cancellable)))
                                    (codefuse-connection-work server)))))
    (codefuse-server-notify server "window/workDoneProgress/cancel" (list :token token))
    t))

(defun codefuse-connection--again (root)
  "Begin a server for the project at ROOT unless there is one."
  (unless (alist-get root codefuse-connections nil nil #'equal)
    (codefuse-connection-begin root)))

;;;; What it asks and tells

(defun codefuse-connection--asked (server method params)
  "Answer METHOD, which SERVER asks with PARAMS."
  (pcase method
    ('workspace/configuration
     (vconcat (mapcar (lambda (item) (codefuse-connection--section server item)) (plist-get params :items))))
    ((or 'client/registerCapability 'client/unregisterCapability 'window/workDoneProgress/create) nil)
    ('workspace/workspaceFolders
     (vector (list :uri (codefuse-uri (directory-file-name (codefuse-connection-root server)))
                   :name (codefuse-connection-root server))))
    (_ (or (codefuse-connection-answer server method params)
           (jsonrpc-error :code -32601 :message (format "%s is not supported" method))))))

(defun codefuse-connection-answer (server method params)
  "Answer METHOD, which SERVER asks with PARAMS; nil if it is not ours to."
  (let ((default-directory (codefuse-server-root server)))
    (pcase method
      ('workspace/applyEdit
       (condition-case failure
           (progn (mapc #'codefuse-connection--reveal (codefuse-apply-edit (plist-get params :edit) server))
                  '(:applied t))
         (user-error (list :applied :json-false :failureReason (error-message-string failure)))))
      ('window/showDocument
       (list :success (if (codefuse-view-show server (plist-get params :uri)) t :json-false)))
      ('workspace/textDocumentContent/refresh
       (codefuse-view-refresh server (plist-get params :uri))
       '(:done t))
      ('window/showMessageRequest
       (codefuse-connection--choice (plist-get params :message) (append (plist-get params :actions) nil))))))

(defun codefuse-connection--reveal (buffer)
  "Show BUFFER, in which an edit was made, unless it can be seen."
  (unless (or (get-buffer-window buffer) noninteractive)
    (display-buffer buffer)))

(defun codefuse-connection--choice (text actions)
  "Ask TEXT and return the one of ACTIONS that is chosen."
  (let* ((titles (mapcar (lambda (action) (plist-get action :title)) actions))
         (chosen (condition-case nil (completing-read (concat text " ") titles nil t) (quit nil))))
    (or (seq-find (lambda (action) (equal (plist-get action :title) chosen)) actions)
        '(:title ""))))

(defun codefuse-connection--section (server item)
  "Return the settings of the section that ITEM of SERVER names."
  (when (equal (plist-get item :section) "codefuse")
    (with-current-buffer (or (codefuse-connection--some-buffer server) (current-buffer))
      (or (codefuse-server-settings) (make-hash-table)))))

(defun codefuse-connection--some-buffer (server)
  "Return a buffer that SERVER works for, if there is one."
  (seq-find (lambda (buffer)
              (with-current-buffer buffer
                (and (bound-and-true-p codefuse-mode) (eq (codefuse-server) server))))
            (buffer-list)))

(defun codefuse-connection--told (server method params)
  "Take the notification METHOD with PARAMS of SERVER."
  (pcase method
    ('window/showMessage (message "CodeFuse: %s" (plist-get params :message)))
    ('textDocument/publishDiagnostics
     (codefuse-diagnostics-take server (plist-get params :uri) (plist-get params :diagnostics)))
    ('$/progress
     (or (codefuse-stream-take (plist-get params :token) (plist-get params :value))
         (codefuse-connection--progress server (plist-get params :token) (plist-get params :value))))
    (_ (codefuse-connection-take server method params))))

(defun codefuse-connection-take (server method params)
  "Take METHOD with PARAMS of SERVER, if it is one of ours."
  (pcase method
    ('codefuse/status (codefuse-server-take-status server params) t)))

(defun codefuse-connection--progress (server token value)
  "Note the VALUE of $/progress that SERVER tells under TOKEN."
  (let ((work (alist-get token (codefuse-connection-work server) nil nil #'equal)))
    (setf (alist-get token (codefuse-connection-work server) nil t #'equal)
          (unless (equal (plist-get value :kind) "end")
            (list :title (or (plist-get value :title) (plist-get work :title))
                  :message (plist-get value :message)
                  :percentage (plist-get value :percentage)
                  :cancellable (or (plist-get work :cancellable) (plist-get value :cancellable)))))
    (force-mode-line-update t)))

(provide 'codefuse-connection)
;;; codefuse-connection.el ends here
