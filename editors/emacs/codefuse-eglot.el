;;; codefuse-eglot.el --- Reach the server through eglot -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; For buffers whose language server, for eglot, is codefuse-lsp itself:
;;
;;   (setopt codefuse-client 'eglot)
;;   (with-eval-after-load 'eglot
;;     (require 'codefuse-eglot)
;;     (add-to-list 'eglot-server-programs '(python-mode . (codefuse-eglot-server "codefuse-lsp"))))
;;
;; Eglot runs one server for each buffer, so beside another language server use a connection of our own.

;;; Code:

(require 'eglot)
(require 'codefuse-connection)
(require 'codefuse-server)
(require 'codefuse-trust)

(declare-function eglot--signal-textDocument/didChange "eglot")
(declare-function eglot--TextDocumentIdentifier "eglot")
(declare-function eglot--VersionedTextDocumentIdentifier "eglot")

(defclass codefuse-eglot-server (eglot-lsp-server) ()
  :documentation "A codefuse-lsp that eglot manages.")

(defun codefuse-eglot-server-here ()
  "Return the server of eglot's for this buffer if it is ours."
  (let ((server (and (eglot-managed-p) (eglot-current-server))))
    (and (cl-typep server 'codefuse-eglot-server) server)))

(add-hook 'codefuse-server-functions #'codefuse-eglot-server-here)

(defun codefuse-eglot--servers ()
  "Return all servers of eglot's that are ours."
  (delete-dups (delq nil (mapcar (lambda (buffer) (with-current-buffer buffer (codefuse-eglot-server-here)))
                                 (buffer-list)))))

(add-hook 'codefuse-server-live-functions #'codefuse-eglot--servers)

;;;; Our side of it

(cl-defmethod jsonrpc-connection-send :before ((_server codefuse-eglot-server) &key id method &allow-other-keys)
  "Note the ID of a request: jsonrpc tells it to nobody."
  (when method (setq codefuse-connection--sent-id id)))

(cl-defmethod codefuse-server-send ((server codefuse-eglot-server) method params on-result on-error)
  "Send SERVER METHOD with PARAMS; ON-RESULT or ON-ERROR takes the answer."
  (codefuse-connection-send server method params on-result on-error))

(cl-defmethod codefuse-server-notify ((server codefuse-eglot-server) method params)
  "Send SERVER the notification METHOD with PARAMS."
  (jsonrpc-notify server (intern (concat ":" method)) params))

(cl-defmethod codefuse-server-live-p ((server codefuse-eglot-server))
  "Return non-nil if SERVER can be asked: it has to have answered that it begins."
  (and (jsonrpc-running-p server) (eglot--capabilities server) t))

(cl-defmethod codefuse-server-root ((server codefuse-eglot-server))
  "Return the project of SERVER."
  (project-root (eglot--project server)))

(cl-defmethod codefuse-server-encoding ((server codefuse-eglot-server))
  "Return how SERVER counts columns."
  (or (plist-get (eglot--capabilities server) :positionEncoding) "utf-16"))

(cl-defmethod codefuse-server-flush ((_server codefuse-eglot-server))
  "Send what was changed in the current buffer."
  (when (eglot-managed-p) (eglot--signal-textDocument/didChange)))

(cl-defmethod codefuse-server-version ((_server codefuse-eglot-server))
  "Return the version of the current buffer."
  (and (eglot-managed-p) (plist-get (eglot--VersionedTextDocumentIdentifier) :version)))

(cl-defmethod codefuse-server-uri ((_server codefuse-eglot-server))
  "Return the address of the current buffer as eglot writes it."
  (and (eglot-managed-p) (plist-get (eglot--TextDocumentIdentifier) :uri)))

(cl-defmethod codefuse-server-restart ((server codefuse-eglot-server))
  "End SERVER and begin it again."
  (eglot-reconnect server))

;;;; Eglot's side of it

(cl-defmethod eglot-initialization-options ((server codefuse-eglot-server))
  "Return your settings, and whether the project of SERVER is trusted."
  (codefuse-server-options (codefuse-trusted-p (project-root (eglot--project server)))))

(cl-defmethod eglot-client-capabilities ((_server codefuse-eglot-server))
  "Return what eglot can show and what we add to it."
  (let ((capabilities (copy-sequence (cl-call-next-method))))
    (cl-flet ((add (group more)
                (setq capabilities
                      (plist-put capabilities group (append more (plist-get capabilities group))))))
      (add :textDocument '(:inlineCompletion (:dynamicRegistration :json-false)))
      (add :workspace '(:textDocumentContent (:dynamicRegistration :json-false)))
      (add :window '(:showDocument (:support t)))
      (plist-put capabilities :experimental '(:codefuse t)))))

(cl-defmethod eglot-handle-notification ((server codefuse-eglot-server) (_method (eql codefuse/status)) &rest status)
  "Note the STATUS of the model of SERVER."
  (codefuse-server-take-status server status))

(cl-defmethod eglot-handle-notification :around
  ((_server codefuse-eglot-server) (_method (eql $/progress)) &key token value)
  "Take the VALUE of what was asked under a TOKEN of ours."
  (unless (codefuse-stream-take token value)
    (cl-call-next-method)))

(cl-defmethod eglot-handle-request ((server codefuse-eglot-server) (_method (eql workspace/configuration)) &key items)
  "Answer SERVER what is set for the sections of ITEMS."
  (codefuse-connection--asked server 'workspace/configuration (list :items items)))

(cl-defmethod eglot-handle-request
  ((server codefuse-eglot-server) (_method (eql window/showDocument)) &rest params)
  "Show the document that SERVER names in PARAMS."
  (codefuse-connection-answer server 'window/showDocument params))

(cl-defmethod eglot-handle-request
  ((server codefuse-eglot-server) (_method (eql workspace/textDocumentContent/refresh)) &rest params)
  "Get the document that SERVER names in PARAMS anew."
  (codefuse-connection-answer server 'workspace/textDocumentContent/refresh params))

(cl-defmethod eglot-handle-request
  ((server codefuse-eglot-server) (_method (eql workspace/applyEdit)) &rest params)
  "Apply the edit that SERVER sends in PARAMS, which the user has asked for."
  (codefuse-connection-answer server 'workspace/applyEdit params))

(cl-defmethod eglot-register-capability
  ((_server codefuse-eglot-server) (_method (eql workspace/didChangeConfiguration)) _id &rest _options)
  "Agree to tell of settings that change, which we do."
  '(t "OK"))

(provide 'codefuse-eglot)
;;; codefuse-eglot.el ends here
