;;; ghost-tests.el --- Ghost text, in batch -*- lexical-binding: t; no-byte-compile: t; -*-

;;; Code:

(require 'driver)

(defvar lsp-inline-completion--overlay)

(ert-deftest ghost-appears-as-one-types-and-the-buffer-stays-as-it-is ()
  (driver-say "def area(" "width, height):\n    return width * height")
  (driver-with-file "│"
    (driver-type "def area(")
    (driver-wait-for-ghost "width, height):\n    return width * height")
    (should (equal (driver-drawn) "def area(│"))))

(ert-deftest ghost-is-taken-whole-and-is-one-step-to-undo ()
  (driver-say "def area(" "width, height):\n    return width * height")
  (driver-with-file "│"
    (driver-type "def area(")
    (driver-wait-for-ghost "width, height):\n    return width * height")
    (driver-do #'codefuse-accept)
    (should (equal (driver-drawn) "def area(width, height):\n    return width * height│"))
    (should-not (driver-ghost))
    (driver-undo)
    (should (equal (buffer-string) "def area("))))

(ert-deftest ghost-is-taken-word-by-word-and-line-by-line ()
  (driver-say "def area(" "width, height):\n    return width * height")
  (driver-with-file "│"
    (driver-type "def area(")
    (driver-wait-for-ghost "width, height):\n    return width * height")
    (driver-do #'codefuse-accept-word)
    (should (equal (driver-drawn) "def area(width│"))
    (should (equal (driver-ghost) ", height):\n    return width * height"))
    (driver-do #'codefuse-accept-line)
    (should (equal (driver-drawn) "def area(width, height):│"))
    (should (equal (driver-ghost) "\n    return width * height"))
    (driver-do #'codefuse-accept-line)
    (should (equal (driver-drawn) "def area(width, height):\n    return width * height│"))
    (should-not (driver-ghost))))

(ert-deftest ghost-is-followed-by-typing-what-it-says ()
  (driver-say "def area(" "width, height):")
  (driver-with-file "│"
    (driver-type "def area(")
    (driver-wait-for-ghost "width, height):")
    (driver-type "wid")
    (should (equal (driver-ghost) "th, height):"))
    (driver-do #'codefuse-accept)
    (should (equal (driver-drawn) "def area(width, height):│"))))

(ert-deftest ghost-swallows-the-brackets-that-an-editor-has-closed ()
  (driver-say "area = (" "width * height)")
  (driver-with-file "area = │)\n"
    (driver-type "(")
    (driver-wait-for-ghost "width * height)")
    (should (equal (driver-drawn) "area = (│)\n"))
    (driver-do #'codefuse-accept)
    (should (equal (driver-drawn) "area = (width * height)│\n"))))

(ert-deftest ghost-goes-when-the-cursor-leaves-or-the-user-says-so ()
  (driver-say "def area(" "width):")
  (driver-with-file "│"
    (driver-type "def area(")
    (driver-wait-for-ghost "width):")
    (driver-do #'codefuse-dismiss)
    (should-not (driver-ghost))
    (driver-do #'codefuse-complete)
    (driver-wait-for-ghost "width):")
    (driver-do #'backward-char)
    (should-not (driver-ghost))))

(ert-deftest ghost-counts-columns-as-the-server-does ()
  (driver-say "🍕" "width * height)")
  (driver-with-file "PIZZA = '🍕🍕'; area = │)\n"
    (driver-type "(")
    (driver-wait-for-ghost "width * height)")
    (driver-do #'codefuse-accept)
    (should (equal (driver-drawn) "PIZZA = '🍕🍕'; area = (width * height)│\n"))))

(ert-deftest ghost-is-only-shown-for-the-text-that-was-asked-about ()
  (driver-say-slowly "def area(" 0.3 "width):")
  (driver-with-file "│"
    (driver-type "def area(")
    (driver-wait "the request" codefuse-ghost--request)
    (goto-char (point-min))
    (driver-wait "the answer" (null codefuse-ghost--request))
    (should-not (driver-ghost))))

(ert-deftest ghost-of-several-is-chosen-among ()
  (driver-engine :do "chooses" :holding "part =" :words '(:\ total " * 2" :\ len "(total)" :\ sum "(total)"))
  (driver-with-file "def half(total):\n    part = │\n    return part\n"
    (driver-do #'codefuse-complete)
    (driver-wait "several" (length> (plist-get codefuse-ghost--shown :items) 1))
    (let ((first (driver-ghost)))
      (should (string-match-p "  (1/[0-9])\\'" first))
      (driver-do #'codefuse-next)
      (should (string-match-p "  (2/[0-9])\\'" (driver-ghost)))
      (should-not (equal (car (split-string first " ")) (car (split-string (driver-ghost) " "))))
      (driver-do #'codefuse-previous)
      (should (equal first (driver-ghost))))))

(ert-deftest ghost-stays-silent-where-a-setting-says-so-and-comes-back-at-once ()
  (driver-say "def area(" "width):")
  (driver-with-file "│"
    (unwind-protect
        (progn
          (setq codefuse-settings (cons '(completion . :json-false) codefuse-settings))
          (driver-wait "the setting's word" (not (memq codefuse-server--telling timer-list)))
          (driver-type "def area(")
          (driver-wait "an answer" (null codefuse-ghost--request))
          (driver-wait "silence"
            (driver-do #'codefuse-complete)
            (driver-wait "an answer" (null codefuse-ghost--request))
            (not (driver-ghost))))
      (setq codefuse-settings (assq-delete-all 'completion codefuse-settings)))
    (driver-wait "ghost text"
      (unless codefuse-ghost--request (driver-do #'codefuse-complete))
      (driver-ghost))))

(ert-deftest ghost-in-a-huge-file-keeps-typing-quick ()
  (driver-say "total_20000" "amount")
  (driver-with-file (concat (mapconcat (lambda (n) (format "total_%d = price_%d * amount_%d  # a line as long as most are" n n n))
                                       (number-sequence 1 20000) "\n")
                            "\n│")
    (garbage-collect)
    (let* ((keys "total = total_20000 * ")
           (times (mapcar (lambda (key)
                            (let ((start (float-time)))
                              (driver-type (string key))
                              (- (float-time) start)))
                          keys)))
      (message "A key in a file of 20,000 lines takes %.1f ms, the slowest %.1f ms"
               (* 1000 (/ (apply #'+ times) (length times))) (* 1000 (apply #'max times)))
      (should (< (nth (/ (length times) 2) (sort times #'<)) 0.1))
      (driver-wait-for-ghost "amount"))))

(ert-deftest ghost-of-lsp-mode-itself-works-without-ours ()
  (skip-unless (eq driver-client 'lsp-mode))
  (driver-say "def area(" "width):\n    return width")
  (driver-with-file "│"
    (require 'lsp-inline-completion)
    (codefuse-ghost-mode -1)
    (driver-type "def area(")
    (lsp-inline-completion-display)
    (driver-wait "lsp-mode's own ghost text" (overlayp lsp-inline-completion--overlay))
    (lsp-inline-completion-accept)
    (should (equal (driver-drawn) "def area(width):\n    return width│"))))

(provide 'ghost-tests)
;;; ghost-tests.el ends here
