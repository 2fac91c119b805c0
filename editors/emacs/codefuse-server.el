;;; codefuse-server.el --- What all parts of CodeFuse ask of a language server -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; A server may be reached over three ways: a connection of our own, eglot's, or lsp-mode's.  Here is what the rest of
;; the package knows of it: requests with answers that come later, streams, and how the model is.  Messages are plists
;; with keyword keys and vectors, false is `:json-false' and null is nil, whatever the way.

;;; Code:

(require 'cl-lib)
(require 'subr-x)

(defgroup codefuse nil
  "Code assistant whose model runs on your own machine."
  :group 'tools
  :prefix "codefuse-")

(defcustom codefuse-server-command '("codefuse-lsp")
  "Program of the language server and its arguments.
A path with a slash is taken as it is; other names are looked for in
the variable `exec-path'."
  :type '(repeat string)
  :risky t)

(defcustom codefuse-settings nil
  "Settings of the server that are yours: an alist of names and values.
The README of codefuse-lsp lists them.  Those that a workspace may set
take effect at once, the others when the server starts again, with
\\[codefuse-restart].  Lists are vectors, false is `:json-false'.

For example ((endpoint . \"http://gpu-box:8000/v1\")
             (languages_off . [\"markdown\"]))"
  :type '(alist :key-type symbol :value-type sexp)
  :risky t)

(defcustom codefuse-workspace-settings nil
  "Settings of the server for one workspace, as in `codefuse-settings'.
Meant for .dir-locals.el.  The server takes no others from it than a
workspace may set: where the model is and what it runs stays yours."
  :type '(alist :key-type symbol :value-type sexp)
  :safe #'listp)

;;;; The face that each way to a server has

(cl-defgeneric codefuse-server-send (server method params on-result on-error)
  "Send a request to SERVER and return its id.
METHOD is a string and PARAMS a plist.  ON-RESULT is called with the
result, else ON-ERROR with a plist that has :code and :message.")

(cl-defgeneric codefuse-server-notify (server method params)
  "Send SERVER the notification METHOD with PARAMS.")

(cl-defgeneric codefuse-server-live-p (server)
  "Return non-nil if SERVER can be asked.")

(cl-defgeneric codefuse-server-flush (_server)
  "Tell SERVER now what was changed in the current buffer."
  nil)

(cl-defgeneric codefuse-server-version (_server)
  "Return the version of the current buffer that SERVER knows, or nil."
  nil)

(cl-defgeneric codefuse-server-uri (_server)
  "Return the address under which SERVER knows the current buffer, or nil."
  nil)

(cl-defgeneric codefuse-server-encoding (_server)
  "Return how SERVER counts columns: a string, as on the wire."
  "utf-16")

(cl-defgeneric codefuse-server-root (server)
  "Return the folder of the project that SERVER works for.")

(cl-defgeneric codefuse-server-restart (server)
  "End SERVER and begin it again.")

(defvar codefuse-server-functions nil
  "Functions that return the server of the current buffer, or nil.
The first that finds one decides.")

(defun codefuse-server ()
  "Return the server of the current buffer, or nil."
  (let ((server (run-hook-with-args-until-success 'codefuse-server-functions)))
    (and server (codefuse-server-live-p server) server)))

(defvar codefuse-server-wait 10
  "Seconds that a command waits for a server that is starting.")

(defun codefuse-server-required ()
  "Return the server of the current buffer, waiting for one that starts."
  (let ((end (time-add nil codefuse-server-wait))
        (server nil))
    (while (and (not (setq server (codefuse-server)))
                (bound-and-true-p codefuse-mode)
                (buffer-file-name)
                (time-less-p nil end))
      (accept-process-output nil 0.05))
    (or server
        (user-error
         (if (bound-and-true-p codefuse-mode)
             "The language server is not there; M-x codefuse-status says why"
           "CodeFuse is off in this buffer; turn it on with M-x codefuse-mode")))))

;;;; Requests

(cl-defstruct (codefuse-request (:constructor codefuse-request--make))
  "A request under way."
  server method id over)

(defconst codefuse-server--unknown-method -32601 "JSON-RPC's code for it.")
(defconst codefuse-server--cancelled '(-32800 -32801 -32802)
  "Codes of requests that nobody waits for any more.")

(defvar codefuse-server--lacks (make-hash-table :test #'eq :weakness 'key)
  "For each server the methods that it does not know.")

(defun codefuse-server-lacks-p (server method)
  "Return non-nil if SERVER has said that it does not know METHOD."
  (member method (gethash server codefuse-server--lacks)))

(cl-defun codefuse-request (method params &key server on-result on-error)
  "Send METHOD with PARAMS to SERVER, that of the current buffer if nil.
Return the request.  ON-RESULT is called with the result in the buffer
that was current, if that lives.  ON-ERROR is called with a sentence;
without it the sentence is shown."
  (let* ((server (or server (codefuse-server-required)))
         (buffer (current-buffer))
         (request (codefuse-request--make :server server :method method))
         (over (lambda (then argument)
                 (setf (codefuse-request-over request) t)
                 (when (and then (buffer-live-p buffer))
                   (with-current-buffer buffer
                     ;; Nobody is there to catch it where answers come in.
                     (condition-case failure (funcall then argument)
                       (user-error (message "%s" (error-message-string failure)))))))))
    (codefuse-server-flush server)
    (setf (codefuse-request-id request)
          (codefuse-server-send
           server method params
           (lambda (result) (funcall over on-result result))
           (lambda (failure)
             (let ((sentence (codefuse-server--sentence server method failure)))
               (if on-error
                   (funcall over on-error sentence)
                 (funcall over (and sentence (lambda (text) (message "CodeFuse: %s" text))) sentence))))))
    request))

(defun codefuse-server--sentence (server method failure)
  "Return what to tell of FAILURE of METHOD at SERVER; nil if nothing."
  (let ((code (plist-get failure :code)))
    (cond
     ((eql code codefuse-server--unknown-method)
      (cl-pushnew method (gethash server codefuse-server--lacks) :test #'equal)
      (format "This codefuse-lsp does not know %s; a newer one may" method))
     ((memql code codefuse-server--cancelled) nil)
     (t (or (plist-get failure :message) "The server gave no reason")))))

(defun codefuse-cancel (request)
  "Tell the server that REQUEST can end; its answer still comes."
  (when (and request (not (codefuse-request-over request)))
    (let ((server (codefuse-request-server request)))
      (when (codefuse-server-live-p server)
        (codefuse-server-notify server "$/cancelRequest" (list :id (codefuse-request-id request)))))))

(cl-defun codefuse-request-now (method params &key server (timeout 10) interruptible)
  "Send METHOD with PARAMS to SERVER and return its result.
Signals a `user-error' with the server's sentence, and after TIMEOUT
seconds, which may be nil.  If INTERRUPTIBLE, what the user types ends
the wait, and the result is nil."
  (let* ((end (and timeout (time-add nil timeout)))
         (answer nil)
         (request (codefuse-request method params :server server
                                    :on-result (lambda (result) (setq answer (list :result result)))
                                    :on-error (lambda (sentence) (setq answer (list :error sentence))))))
    (unwind-protect
        (while (and (not answer)
                    (codefuse-server-live-p (codefuse-request-server request))
                    (or (null end) (time-less-p nil end))
                    (not (and interruptible (input-pending-p))))
          (accept-process-output nil 0.02))
      (unless answer (codefuse-cancel request)))
    (cond ((plist-member answer :result) (plist-get answer :result))
          ((and interruptible (not (plist-get answer :error))) nil)
          (t (user-error "CodeFuse: %s" (or (plist-get answer :error) "the server did not answer in time"))))))

;;;; Streams

(defvar codefuse-server--streams (make-hash-table :test #'equal)
  "For each token of ours the function that takes what comes under it.")

(defvar codefuse-server--last-token 0)

(defun codefuse-stream-open (take)
  "Return a new token; TAKE is called with each text that comes under it."
  (let ((token (format "codefuse-%d" (cl-incf codefuse-server--last-token))))
    (puthash token take codefuse-server--streams)
    token))

(defun codefuse-stream-close (token)
  "Take no more of what comes under TOKEN."
  (remhash token codefuse-server--streams))

(defun codefuse-stream-take (token value)
  "Hand VALUE of $/progress to whoever opened TOKEN; nil if nobody did."
  (when-let* ((take (gethash token codefuse-server--streams)))
    (when (equal (plist-get value :kind) "delta")
      (funcall take (plist-get value :text)))
    t))

;;;; How the model is

(defvar codefuse-server--status (make-hash-table :test #'eq :weakness 'key)
  "For each server what it has said last about its model.")

(defvar codefuse-status-changed-functions nil
  "Called with a server that tells how its model is now.")

(defun codefuse-server-status (server)
  "Return the plist that SERVER has told last of its model, or nil."
  (and server (gethash server codefuse-server--status)))

(defun codefuse-server-take-status (server status)
  "Note that the model of SERVER is as STATUS says."
  (puthash server status codefuse-server--status)
  (run-hook-with-args 'codefuse-status-changed-functions server)
  (force-mode-line-update t))

(defun codefuse-true-p (value)
  "Return non-nil if VALUE is true on the wire."
  (and value (not (eq value :json-false))))

;;;; Settings

(defun codefuse-server-settings ()
  "Return what a workspace may answer for: all settings, those here win."
  (codefuse-server--object (append codefuse-workspace-settings codefuse-settings)))

(defun codefuse-server-options (trusted)
  "Return the options to initialize a server with; TRUSTED is the project."
  (append (list :trusted (if trusted t :json-false))
          (codefuse-server--object codefuse-settings)))

(defun codefuse-server--object (settings)
  "Return the alist SETTINGS as a plist; of two with a name the first."
  (cl-loop for (name . value) in (cl-remove-duplicates settings :key #'car :from-end t)
           nconc (list (intern (format ":%s" name)) (if (eq value t) t value))))

(defvar codefuse-server-live-functions nil
  "Functions that return a list of all servers that live.")

(defun codefuse-servers ()
  "Return all servers that live."
  (cl-loop for find in codefuse-server-live-functions append (funcall find)))

(defun codefuse-server-tell-settings ()
  "Have all servers read the settings anew."
  (dolist (server (codefuse-servers))
    (codefuse-server-notify server "workspace/didChangeConfiguration" '(:settings nil))))

(defvar codefuse-server--telling nil
  "Timer after which servers are told of settings that were changed.")

(defun codefuse-server--settings-change (&rest _)
  "Tell the servers in a moment, when the new value is in its place."
  (unless (memq codefuse-server--telling timer-list)
    (setq codefuse-server--telling (run-at-time 0 nil #'codefuse-server-tell-settings))))

(dolist (option '(codefuse-settings codefuse-workspace-settings))
  (add-variable-watcher option #'codefuse-server--settings-change))

(provide 'codefuse-server)
;;; codefuse-server.el ends here
