;;; model-tests.el --- The real small model, in batch -*- lexical-binding: t; no-byte-compile: t; -*-

;;; Code:

(require 'driver)

(setq codefuse-settings `((model . ,(getenv "CODEFUSE_TEST_MODEL"))
                          (device . "cpu")
                          (completion_timeout . 120)
                          (chat_max_tokens . 24))
      driver-hang 120)

(defun model-worker ()
  "Return the process id of the worker that this test has begun, nil if there is none.
Only one that listens in the test's own folder is taken for it."
  (with-temp-buffer
    (apply #'call-process (car driver-command) nil '(t nil) nil
           (append (remove "--stdio" (cdr driver-command)) '("status" "--json")))
    (goto-char (point-min))
    (let ((rows (ignore-errors (json-parse-buffer :object-type 'plist :array-type 'list))))
      (plist-get (seq-find (lambda (row)
                             (string-prefix-p (getenv "XDG_RUNTIME_DIR") (plist-get row :address)))
                           rows)
                 :pid))))

(ert-deftest model-suggests-and-chats-and-is-started-again-when-it-was-killed ()
  (unwind-protect
      (driver-with-file "def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n    │\n"
        (driver-type "return a")
        (driver-wait "ghost text of the model" (driver-ghost))
        (driver-do #'codefuse-accept)
        (should (string-match-p "return a." (buffer-string)))
        (let ((origin (current-buffer)))
          (driver-do #'codefuse-chat '(4))
          (with-current-buffer "*CodeFuse Chat*"
            (goto-char (point-max))
            (driver-type "What is 1 + 1?")
            (driver-do #'codefuse-chat-send)
            (driver-wait "an answer of the model" (not codefuse-chat--running))
            (should-not (string-empty-p (plist-get (cadr (codefuse-chat--turns)) :text))))
          (kill-buffer "*CodeFuse Chat*")
          (switch-to-buffer origin))
        (signal-process (model-worker) 'SIGKILL)
        (driver-wait "the mode line's word for it"
          (driver-do #'codefuse-complete)
          (accept-process-output nil 0.1)
          (not (string-match-p "\\` CF\\*?\\'" (codefuse--lighter))))
        (goto-char (point-max))
        (driver-type "\n\ndef multiply(a, b):\n    return a")
        (driver-wait "the model again"
          (unless codefuse-ghost--request (driver-do #'codefuse-complete))
          (accept-process-output nil 0.1)
          (equal (plist-get (codefuse-server-status (codefuse-server)) :state) "ready"))
        (driver-wait "ghost text again"
          (unless (or codefuse-ghost--request (driver-ghost)) (driver-do #'codefuse-complete))
          (accept-process-output nil 0.1)
          (driver-ghost)))
    (codefuse-connection-end-all)
    (when-let* ((left (model-worker))) (signal-process left 'SIGTERM))))

(provide 'model-tests)
;;; model-tests.el ends here
