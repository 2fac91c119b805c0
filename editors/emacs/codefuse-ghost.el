;;; codefuse-ghost.el --- Suggestions as ghost text -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Asks for a suggestion after each command that changed the text, draws it behind the cursor by overlays, and takes it
;; whole or in parts.  When to answer, and whether, is the server's to say: it waits for pauses in typing itself.

;;; Code:

(require 'codefuse-document)
(require 'codefuse-ghost-shown)
(require 'codefuse-server)

(defcustom codefuse-ghost-automatic t
  "Whether suggestions come as you type, or only with \\[codefuse-complete]."
  :type 'boolean
  :group 'codefuse)

(defcustom codefuse-ghost-inhibit-functions '(codefuse-ghost-busy-p)
  "Functions that say, by a non-nil value, that nothing be suggested now."
  :type 'hook
  :group 'codefuse)

(defvar-local codefuse-ghost--request nil
  "The request under way.")

(defvar-local codefuse-ghost--missed nil
  "State of the text that was asked about before the model was ready.")

(defvar-local codefuse-ghost--timer nil
  "Timer that asks when there is no more input.")

;;;; Asking

(defun codefuse-complete ()
  "Suggest what could come here; asked again, show the next suggestion."
  (interactive)
  (if (and codefuse-ghost--shown (length> (plist-get codefuse-ghost--shown :items) 1))
      (codefuse-next 1)
    (codefuse-server-required)
    (codefuse-ghost--ask t)))

(defun codefuse-ghost--after-command ()
  "Look whether the last command asks for a suggestion or ends one."
  (condition-case failure
      (codefuse-ghost--look)
    (error (message "CodeFuse: %s" (error-message-string failure)))))

(defun codefuse-ghost--look ()
  "Follow what is typed, and ask where the text is new."
  (let ((tick (buffer-chars-modified-tick)))
    (cond
     ((and codefuse-ghost--shown (codefuse-ghost--follow)))
     ((and codefuse-ghost--shown (codefuse-ghost--in-place-p)
           (equal (codefuse-ghost--popup) (plist-get codefuse-ghost--shown :popup))))
     (t
      (when codefuse-ghost--shown (codefuse-ghost--reject))
      (when (and codefuse-ghost-automatic
                 (or (not (eql tick codefuse-ghost--tick)) (codefuse-ghost--popup))
                 (not (memq this-command '(undo undo-only undo-redo codefuse-dismiss))))
        (codefuse-ghost--ask-soon))))
    (setq codefuse-ghost--tick tick)))

(defun codefuse-ghost--ask-soon ()
  "Ask as soon as all input was taken."
  (unless (memq codefuse-ghost--timer timer-list)
    (setq codefuse-ghost--timer
          (run-at-time 0 nil (lambda (buffer)
                               (when (and (buffer-live-p buffer)
                                          (or noninteractive (eq buffer (window-buffer (selected-window)))))
                                 (with-current-buffer buffer (codefuse-ghost--ask nil))))
                       (current-buffer)))))

(defun codefuse-ghost--ready-p (server)
  "Return non-nil if the model of SERVER is known to be ready."
  (equal (plist-get (codefuse-server-status server) :state) "ready"))

(defun codefuse-ghost--model-ready (server)
  "Ask again, in the buffer before the user, what SERVER's model missed."
  (when (codefuse-ghost--ready-p server)
    (with-current-buffer (window-buffer (selected-window))
      (when codefuse-ghost--missed
        (when (and (bound-and-true-p codefuse-ghost-mode) codefuse-ghost-automatic
                   (eql codefuse-ghost--missed (buffer-chars-modified-tick)))
          (codefuse-ghost--ask-soon))
        (setq codefuse-ghost--missed nil)))))

(add-hook 'codefuse-status-changed-functions #'codefuse-ghost--model-ready)

(defun codefuse-ghost-busy-p ()
  "Return non-nil where a suggestion would be in the way."
  (or buffer-read-only
      (region-active-p)
      (minibufferp)
      (bound-and-true-p multiple-cursors-mode)
      (bound-and-true-p meow-normal-mode)
      (and (bound-and-true-p evil-local-mode) (not (memq (bound-and-true-p evil-state) '(insert emacs))))))

(defun codefuse-ghost--ask (invoked)
  "Ask for suggestions at point; INVOKED is non-nil if the user wishes so."
  (codefuse-cancel codefuse-ghost--request)
  (setq codefuse-ghost--request nil)
  (when-let* ((server (codefuse-server))
              ((or invoked (not (run-hook-with-args-until-success 'codefuse-ghost-inhibit-functions)))))
    (let* ((place (point))
           (popup (codefuse-ghost--popup))
           (chosen (and (consp popup) popup)))
      (unless (and popup (not chosen) (not invoked))
        (let ((tick (buffer-chars-modified-tick))
              (was-ready (codefuse-ghost--ready-p server))
              (request nil))
          (setq request
                (codefuse-request
                 "textDocument/inlineCompletion"
                 (list :textDocument (codefuse-text-document)
                       :position (codefuse-position place server)
                       :context (append
                                 (list :triggerKind (if invoked 1 2))
                                 (and chosen
                                      (list :selectedCompletionInfo
                                            (list :range (codefuse-range (car chosen) place server)
                                                  :text (cdr chosen))))))
                 :server server
                 :on-error (lambda (sentence) (when (and invoked sentence) (message "CodeFuse: %s" sentence)))
                 :on-result
                 (lambda (result)
                   (when (eq request codefuse-ghost--request)
                     (setq codefuse-ghost--request nil)
                     (when (and (eql tick (buffer-chars-modified-tick)) (eql place (point))
                                (equal popup (codefuse-ghost--popup)))
                       (codefuse-ghost--take (codefuse-ghost--items result) server popup invoked)
                       (unless (or result was-ready)
                         (setq codefuse-ghost--missed tick)
                         (codefuse-ghost--model-ready server)))))))
          (setq codefuse-ghost--request request))))))

(defun codefuse-ghost--items (result)
  "Return the suggestions in RESULT, a list of them or an object with one."
  (append (if (vectorp result) result (plist-get result :items)) nil))

(defun codefuse-ghost--take (items server popup invoked)
  "Show the first of ITEMS, which SERVER found while POPUP was selected.
INVOKED is non-nil if the user waits for it."
  (codefuse-ghost--clear)
  (cond (items (codefuse-ghost--show items 0 server popup))
        (invoked (message "%s" (substitute-command-keys
                                "CodeFuse suggests nothing here; \\[codefuse-why] tells why")))))

;;;; Taking

(defun codefuse-ghost--required ()
  "Signal a `user-error' if nothing is shown."
  (unless codefuse-ghost--shown (user-error "CodeFuse suggests nothing here")))

(defun codefuse-accept ()
  "Take the whole suggestion."
  (interactive)
  (codefuse-ghost--accept (lambda (text) (length text))))

(defun codefuse-accept-word (&optional count)
  "Take COUNT words of the suggestion."
  (interactive "p")
  (codefuse-ghost--accept (lambda (text) (codefuse-ghost--words text (or count 1)))))

(defun codefuse-accept-line (&optional count)
  "Take COUNT lines of the suggestion."
  (interactive "p")
  (codefuse-ghost--accept (lambda (text) (codefuse-ghost--lines text (or count 1)))))

(defun codefuse-ghost--words (text count)
  "Return how long the first COUNT words of TEXT are."
  (let ((table (syntax-table)))
    (with-temp-buffer
      (set-syntax-table table)
      (insert text)
      (goto-char (point-min))
      (dotimes (_ count)
        (skip-syntax-forward " >")
        (if (looking-at-p "\\(?:\\sw\\|\\s_\\)")
            (skip-syntax-forward "w_")
          (skip-syntax-forward "^w_ >")))
      (1- (point)))))

(defun codefuse-ghost--lines (text count)
  "Return how long the first COUNT lines of TEXT are.
A line break before the first of them goes with it."
  (let ((place (if (string-prefix-p "\n" text) 1 0)))
    (dotimes (number count)
      (let ((break (string-search "\n" text (min (length text) (+ place (if (> number 0) 1 0))))))
        (setq place (or break (length text)))))
    place))

(defun codefuse-ghost--accept (measure)
  "Type as much of the suggestion as MEASURE says of its text."
  (codefuse-ghost--required)
  (let* ((shown codefuse-ghost--shown)
         (text (plist-get shown :text))
         (part (substring text 0 (funcall measure text)))
         (is-all (= (length part) (length text))))
    (codefuse-ghost--erase)
    (codefuse-as-one-step
      (goto-char (plist-get shown :beg))
      (when is-all (delete-region (point) (plist-get shown :end)))
      (insert part))
    (setq codefuse-ghost--tick (buffer-chars-modified-tick))
    (codefuse-ghost--advance part)
    (if is-all
        (codefuse-ghost--accepted)
      (codefuse-ghost--tell "codefuse/didPartiallyAcceptCompletion"
                            (list :acceptedLength (plist-get shown :typed)))
      (codefuse-ghost--draw))))

(defun codefuse-ghost--accepted ()
  "Tell that all of the suggestion was taken, and ask for the next one."
  (let* ((shown codefuse-ghost--shown)
         (server (plist-get shown :server))
         (command (plist-get (nth (plist-get shown :index) (plist-get shown :items)) :command)))
    (codefuse-ghost--clear)
    (when (and command (codefuse-server-live-p server))
      (codefuse-request "workspace/executeCommand"
                        (list :command (plist-get command :command) :arguments (plist-get command :arguments))
                        :server server :on-error #'ignore))
    (when codefuse-ghost-automatic (codefuse-ghost--ask-soon))))

(defun codefuse-next (count)
  "Show the suggestion COUNT places further on."
  (interactive "p")
  (codefuse-ghost--required)
  (let* ((shown codefuse-ghost--shown)
         (items (plist-get shown :items)))
    (if (and (length= items 1) (= 0 (plist-get shown :typed)))
        (progn (codefuse-ghost--clear) (codefuse-ghost--ask t))
      (let ((index (mod (+ (plist-get shown :index) count) (length items)))
            (server (plist-get shown :server)))
        (codefuse-ghost--clear)
        (codefuse-ghost--show items index server)))))

(defun codefuse-previous (count)
  "Show the suggestion COUNT places before."
  (interactive "p")
  (codefuse-next (- count)))

(defun codefuse-dismiss ()
  "Show no suggestion any more."
  (interactive)
  (codefuse-cancel codefuse-ghost--request)
  (setq codefuse-ghost--request nil)
  (when codefuse-ghost--shown (codefuse-ghost--reject)))

;;;; Keys

(defvar-keymap codefuse-ghost-map
  :doc "Keys while a suggestion is shown."
  "TAB" #'codefuse-accept
  "<tab>" #'codefuse-accept
  "M-f" #'codefuse-accept-word
  "C-<right>" #'codefuse-accept-word
  "C-e" #'codefuse-accept-line
  "C-<down>" #'codefuse-accept-line
  "M-n" #'codefuse-next
  "M-p" #'codefuse-previous
  "C-g" #'codefuse-dismiss)

(add-to-list 'emulation-mode-map-alists (list (cons 'codefuse-ghost--active codefuse-ghost-map)))

(defun codefuse-ghost--popup-changed (&rest _)
  "See to it that a popup and ghost text are not in each other's way."
  (when codefuse-ghost--shown (codefuse-ghost--clear))
  (when codefuse-ghost-automatic (codefuse-ghost--ask-soon)))

(defconst codefuse-ghost--popup-hooks
  '(company-completion-started-hook company-after-completion-hook completion-in-region-mode-hook)
  "Hooks that run when a popup comes or goes.")

(define-minor-mode codefuse-ghost-mode
  "Suggest what could come next as ghost text.
\\{codefuse-ghost-map}"
  :group 'codefuse
  (if codefuse-ghost-mode
      (progn
        (setq codefuse-ghost--tick (buffer-chars-modified-tick))
        (add-hook 'post-command-hook #'codefuse-ghost--after-command nil t)
        (add-hook 'kill-buffer-hook #'codefuse-dismiss nil t)
        (dolist (hook codefuse-ghost--popup-hooks)
          (add-hook hook #'codefuse-ghost--popup-changed nil t)))
    (dolist (hook codefuse-ghost--popup-hooks)
      (remove-hook hook #'codefuse-ghost--popup-changed t))
    (remove-hook 'post-command-hook #'codefuse-ghost--after-command t)
    (remove-hook 'kill-buffer-hook #'codefuse-dismiss t)
    (codefuse-dismiss)))

(provide 'codefuse-ghost)
;;; codefuse-ghost.el ends here
