;;; driver.el --- Drive Emacs as a user would, in batch -*- lexical-binding: t; no-byte-compile: t; -*-

;;; Commentary:

;; What the test is told by the environment: CODEFUSE_TEST_CLIENT (own, eglot or lsp-mode), CODEFUSE_TEST_SERVER (the
;; command of the server, separated by newlines), CODEFUSE_TEST_ENDPOINT, CODEFUSE_TEST_ENGINE (port of the engine's
;; remote control), CODEFUSE_TEST_ROOT (an empty project).

;;; Code:

(require 'cl-lib)
(require 'ert)
(require 'json)
(require 'codefuse)
(require 'codefuse-actions)
(require 'codefuse-chat)
(require 'codefuse-edit)
(require 'codefuse-report)
(require 'codefuse-view)

(defconst driver-client (intern (or (getenv "CODEFUSE_TEST_CLIENT") "own")))
(defconst driver-root (file-name-as-directory (file-truename (getenv "CODEFUSE_TEST_ROOT"))))
(defconst driver-command (split-string (getenv "CODEFUSE_TEST_SERVER") "\n" t))
(defconst driver-hang 60 "Seconds after which what has not come does not come.")

(setq codefuse-client driver-client
      codefuse-server-command driver-command
      codefuse-settings `((endpoint . ,(getenv "CODEFUSE_TEST_ENDPOINT")))
      codefuse-trust-file (expand-file-name "trust.eld" (getenv "CODEFUSE_TEST_HOME"))
      project-vc-extra-root-markers '(".root")
      native-comp-jit-compilation nil
      native-comp-enable-subr-trampolines nil
      python-indent-guess-indent-offset nil
      confirm-kill-processes nil
      make-backup-files nil
      auto-save-default nil
      create-lockfiles nil
      enable-local-variables :safe)

(write-region "" nil (expand-file-name ".root" driver-root) nil 'quiet)

;;;; Waiting

(defmacro driver-wait (what &rest condition)
  "Wait until CONDITION holds, which WHAT describes, and return its value."
  (declare (indent 1))
  `(driver--wait ,what (lambda () ,@condition)))

(defun driver--wait (what condition)
  "Wait until the function CONDITION returns non-nil; WHAT describes it."
  (let ((end (+ (float-time) driver-hang)) value)
    (while (and (not (setq value (funcall condition))) (< (float-time) end))
      (accept-process-output nil 0.02))
    (or value (ert-fail (format "It never came: %s\n%s" what (driver--scene))))))

(defun driver--scene ()
  "Return what there is to be seen."
  (format "buffer %s: %S\nghost: %S\nmessages: %s"
          (buffer-name) (buffer-string) (driver-ghost)
          (with-current-buffer (messages-buffer)
            (buffer-substring (max (point-min) (- (point-max) 400)) (point-max)))))

;;;; The engine

(defun driver-engine (&rest order)
  "Have the engine do ORDER, a plist, and return what it says."
  (let* ((answer "")
         (process (make-network-process
                   :name "engine" :host "127.0.0.1" :noquery t :coding 'utf-8
                   :service (string-to-number (getenv "CODEFUSE_TEST_ENGINE"))
                   :filter (lambda (_ text) (setq answer (concat answer text))))))
    (unwind-protect
        (progn
          (process-send-string process (concat (json-serialize order :false-object :false) "\n"))
          (driver-wait "the engine's word" (string-suffix-p "\n" answer))
          (json-parse-string answer :object-type 'plist :array-type 'list))
      (delete-process process))))

(defun driver-say (holding &rest pieces)
  "Have the engine answer prompts that hold HOLDING with PIECES."
  (driver-engine :do "answers" :holding holding :pieces (vconcat pieces) :pause 0))

(defun driver-say-slowly (holding pause &rest pieces)
  "Have the engine answer prompts that hold HOLDING with PIECES, each after PAUSE."
  (driver-engine :do "answers" :holding holding :pieces (vconcat pieces) :pause pause))

;;;; Files

(defvar driver--files 0)

(defun driver-file (text &optional name)
  "Open a new file with TEXT called NAME, point where TEXT has a │, and a server."
  (let* ((folder (expand-file-name (number-to-string (cl-incf driver--files)) driver-root))
         (path (expand-file-name (or name "area.py") folder)))
    (make-directory folder t)
    (with-temp-file path (insert (string-replace "│" "" text)))
    (find-file path)
    (set-window-buffer (selected-window) (current-buffer))
    (buffer-enable-undo)
    (goto-char (1+ (or (string-search "│" text) 0)))
    (codefuse-mode 1)
    (driver-connect)
    (driver-wait "a server" (codefuse-server))
    (should (eq (type-of (codefuse-server))
                (pcase driver-client
                  ('own 'codefuse-connection)
                  ('eglot 'codefuse-eglot-server)
                  ('lsp-mode 'codefuse-lsp-mode-server))))
    (current-buffer)))

(defun driver-connect ()
  "Have eglot or lsp-mode begin the server, if one of them is to."
  (pcase driver-client
    ('eglot
     (require 'eglot)
     (setq eglot-sync-connect t eglot-autoreconnect t eglot-report-progress nil eglot-events-buffer-config '(:size 0))
     (setf (alist-get '(python-mode python-ts-mode) eglot-server-programs nil nil #'equal)
           (cons 'codefuse-eglot-server driver-command))
     (unless (eglot-managed-p)
       (if (eglot-current-server)
           (eglot--maybe-activate-editing-mode)
         (apply #'eglot--connect (eglot--guess-contact)))))
    ('lsp-mode
     (setq lsp-session-file (expand-file-name "lsp-session" (getenv "CODEFUSE_TEST_HOME"))
           lsp-enable-file-watchers nil lsp-enable-suggest-server-download nil lsp-enable-snippet nil
           lsp-client-packages nil lsp-completion-provider :none lsp-auto-execute-action nil
           lsp-warn-no-matched-clients nil lsp-lens-enable nil lsp-headerline-breadcrumb-enable nil
           lsp-modeline-code-actions-enable nil lsp-modeline-diagnostics-enable nil
           lsp-restart 'auto-restart lsp-inline-completion-enable nil)
     (require 'lsp-mode)
     (load "lsp-mode-autoloads" t t)
     (lsp-workspace-folders-add driver-root)
     (lsp))))

(defmacro driver-with-file (spec &rest body)
  "Run BODY with a file of SPEC, its text and maybe its name, and close it."
  (declare (indent 1))
  `(let ((buffer (apply #'driver-file (ensure-list ,spec))))
     (unwind-protect (with-current-buffer buffer ,@body)
       (driver-close buffer))))

(defun driver-close (buffer)
  "Close BUFFER without a question."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer
      (set-buffer-modified-p nil)
      (let ((kill-buffer-query-functions nil)) (kill-buffer buffer)))))

(defun driver-drawn ()
  "Return the text of the buffer with point drawn in it."
  (concat (buffer-substring-no-properties (point-min) (point)) "│"
          (buffer-substring-no-properties (point) (point-max))))

;;;; Keys

(defun driver-do (command &rest arguments)
  "Do COMMAND as the user does, interactively if it has no ARGUMENTS."
  (setq this-command command)
  (run-hooks 'pre-command-hook)
  (if arguments (apply command arguments) (call-interactively command))
  (undo-boundary)
  (run-hooks 'post-command-hook)
  (setq last-command command))

(defun driver-type (text)
  "Type TEXT."
  (seq-doseq (char text)
    (setq last-command-event char)
    (driver-do (if (eq char ?\n) #'newline #'self-insert-command))))

(defun driver-undo ()
  "Take the last step back."
  (setq last-command 'something-else)
  (driver-do #'undo))

;;;; Ghost text

(defun driver-ghost ()
  "Return the ghost text as it is drawn in the current buffer, nil for none.
A blank that only gives the cursor a place is left out."
  (let ((overlays (sort (seq-filter (lambda (one) (overlay-get one 'codefuse-ghost))
                                    (overlays-in (point-min) (point-max)))
                        (lambda (a b) (< (overlay-start a) (overlay-start b))))))
    (and overlays
         (string-replace
          " \n" "\n"
          (mapconcat (lambda (one)
                       (substring-no-properties (or (overlay-get one 'display) (overlay-get one 'after-string) "")))
                     overlays)))))

(defun driver-wait-for-ghost (text)
  "Wait until TEXT is drawn as ghost text."
  (driver-wait (format "the ghost text %S" text) (equal text (driver-ghost))))

(defun driver-said-p (pattern)
  "Return non-nil if a message matched PATTERN."
  (with-current-buffer (messages-buffer)
    (save-excursion
      (goto-char (point-min))
      (re-search-forward pattern nil t))))

(defun driver-quiet ()
  "Forget all messages so far."
  (with-current-buffer (messages-buffer)
    (let ((inhibit-read-only t)) (erase-buffer))))

(provide 'driver)
;;; driver.el ends here
