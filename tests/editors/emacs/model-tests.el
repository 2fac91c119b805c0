;;; model-tests.el --- The real small model, in batch -*- lexical-binding: t; -*-

;;; Code:

(require 'driver)

(setq codefuse-settings `((model . ,(getenv "CODEFUSE_TEST_MODEL"))
                          (device . "cpu")
                          (completion_timeout . 120)
                          (chat_max_tokens . 24))
      driver-hang 120)

(defun model-command (&rest arguments)
  "Run the command line of the server with ARGUMENTS and return what it prints."
  (with-temp-buffer
    (apply #'call-process (car driver-command) nil t nil
           (append (remove "--stdio" (cdr driver-command)) arguments))
    (buffer-string)))

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
        (let ((told (model-command "status" "--json")))
          (should (string-match "\"pid\": *\\([0-9]+\\)" told))
          (signal-process (string-to-number (match-string 1 told)) 'SIGKILL))
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
    (model-command "stop")))

(provide 'model-tests)
;;; model-tests.el ends here
