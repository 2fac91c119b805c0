;;; terminal-init.el --- How Emacs is set up on the terminal of tests -*- lexical-binding: t; no-byte-compile: t; -*-

;;; Code:

(require 'codefuse)

(setq native-comp-jit-compilation nil
      inhibit-startup-screen t
      make-backup-files nil
      auto-save-default nil
      create-lockfiles nil
      project-vc-extra-root-markers '(".root")
      python-indent-guess-indent-offset nil
      python-shell-completion-native-enable nil
      codefuse-trust nil
      codefuse-server-command (split-string (getenv "CODEFUSE_TEST_SERVER") "\n" t)
      codefuse-settings (and (getenv "CODEFUSE_TEST_ENDPOINT") `((endpoint . ,(getenv "CODEFUSE_TEST_ENDPOINT")))))
(menu-bar-mode -1)
(keymap-global-set "C-c f" 'codefuse-command-map)

(defun terminal-words ()
  "Complete words of this buffer, as a popup has them."
  (let ((bounds (bounds-of-thing-at-point 'symbol)))
    (and bounds (list (car bounds) (cdr bounds) '("height_of_all" "height_of_both" "height_of_every") :exclusive 'no))))

(add-hook 'python-mode-hook
          (lambda () (setq-local completion-at-point-functions '(terminal-words))))

(pcase (getenv "CODEFUSE_TEST_POPUP")
  ("company"
   (require 'company)
   (setq company-backends '(company-capf) company-idle-delay 0.05 company-minimum-prefix-length 3)
   (global-company-mode 1))
  ("corfu"
   (require 'corfu)
   ;; A terminal of this Emacs has no child frames: the popup is drawn in the header line, by corfu's own generics.
   (cl-defmethod corfu--popup-support-p () t)
   (cl-defmethod corfu--popup-hide () (setq header-line-format nil))
   (cl-defmethod corfu--popup-show (_pos _off _width lines &optional _curr _lo _bar)
     (setq header-line-format (mapconcat #'identity lines " ")))
   (setq corfu-auto t corfu-auto-delay 0.05 corfu-auto-prefix 3 corfu-preselect 'first)
   (global-corfu-mode 1)))

(global-codefuse-mode 1)

(provide 'terminal-init)
;;; terminal-init.el ends here
