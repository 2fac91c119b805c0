;;; codefuse-ghost.el --- Suggestions as ghost text -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Asks for a suggestion after each command that changed the text, draws it behind the cursor by overlays, and takes it
;; whole or in parts.  When to answer, and whether, is the server's to say: it waits for pauses in typing itself.
;;
;; While the popup of company or corfu is open, ghost text goes on from the candidate selected there, in one line, and
;; is hidden where that is not what would be typed.

;;; Code:

(require 'codefuse-document)
(require 'codefuse-server)

(defvar company-candidates)
(defvar company-selection)
(defvar company-prefix)
(defvar company-preview-overlay)
(defvar corfu--preview-ov)
(defvar corfu--candidates)
(defvar corfu--index)
(defvar completion-in-region--data)

(defface codefuse-ghost '((t :inherit shadow :slant italic))
  "Text that is suggested."
  :group 'codefuse)

(defface codefuse-ghost-count '((t :inherit (font-lock-comment-face codefuse-ghost)))
  "Which of several suggestions is shown."
  :group 'codefuse)

(defcustom codefuse-ghost-automatic t
  "Whether suggestions come as you type, or only with \\[codefuse-complete]."
  :type 'boolean
  :group 'codefuse)

(defcustom codefuse-ghost-inhibit-functions '(codefuse-ghost-busy-p)
  "Functions that say, by a non-nil value, that nothing be suggested now."
  :type 'hook
  :group 'codefuse)

(defvar-local codefuse-ghost--shown nil
  "What is shown: a plist.
:items and :index are the suggestions and which of them it is, :text what
is still to be typed of it, :typed how many UTF-16 units of it were typed
or taken, :beg and :end markers round what it replaces.")

(defvar-local codefuse-ghost--overlays nil
  "Overlays that draw what is shown.")

(defvar-local codefuse-ghost--request nil
  "The request under way.")

(defvar-local codefuse-ghost--tick nil
  "State of the text that was asked about last.")

(defvar-local codefuse-ghost--missed nil
  "State of the text that was asked about before the model was ready.")

(defvar-local codefuse-ghost--timer nil
  "Timer that asks when there is no more input.")

(defvar-local codefuse-ghost--active nil
  "Non-nil while `codefuse-ghost-map' holds: those of a popup go first.")

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

;;;; The popup of others

(defun codefuse-ghost--popup ()
  "Return what is selected in the popup of company or corfu.
A cons of its beginning and its text; t if it is not known what would be
inserted; nil if there is no popup."
  (cond
   ((bound-and-true-p company-candidates)
    (let ((candidate (and company-selection (nth company-selection company-candidates))))
      (or (codefuse-ghost--candidate (- (point) (length company-prefix)) candidate) t)))
   ((and (bound-and-true-p corfu--candidates) completion-in-region-mode)
    (pcase-let ((`(,beg . ,_) completion-in-region--data))
      (or (and (>= corfu--index 0)
               (codefuse-ghost--candidate (if (markerp beg) (marker-position beg) beg)
                                          (nth corfu--index corfu--candidates)))
          t)))))

(defun codefuse-ghost--candidate (beg text)
  "Return BEG and TEXT if TEXT goes on from what is there from BEG on."
  (when (and text beg (<= beg (point))
             (string-prefix-p (buffer-substring-no-properties beg (point)) text))
    (cons beg (substring-no-properties text))))

;;;; Showing

(defun codefuse-ghost--show (items index server &optional popup)
  "Show the one of ITEMS at INDEX, found by SERVER while POPUP was selected."
  (let* ((item (nth index items))
         (region (or (and (plist-get item :range) (codefuse-region (plist-get item :range) server))
                     (cons (point) (point))))
         (text (codefuse-ghost--text item))
         (before (buffer-substring-no-properties (car region) (point))))
    (when (and (<= (car region) (point) (cdr region)) (string-prefix-p before text))
      (setq codefuse-ghost--shown
            (list :items items :index index :server server :popup popup
                  :text (substring text (length before))
                  :typed (codefuse-units before)
                  :beg (copy-marker (point)) :end (copy-marker (cdr region) t)))
      (codefuse-ghost--draw)
      (codefuse-ghost--tell "codefuse/didShowCompletion"))))

(defun codefuse-ghost--text (item)
  "Return the text of ITEM."
  (let ((text (plist-get item :insertText)))
    (if (stringp text) text (plist-get text :value))))

(defun codefuse-ghost--previewed ()
  "Return how many characters of what is shown a popup shows itself."
  (pcase (plist-get codefuse-ghost--shown :popup)
    (`(,beg . ,candidate)
     (if (or (and (overlayp (bound-and-true-p corfu--preview-ov)) (overlay-buffer corfu--preview-ov))
             (and (overlayp (bound-and-true-p company-preview-overlay)) (overlay-buffer company-preview-overlay)))
         (min (- (length candidate) (- (point) beg))
              (length (plist-get codefuse-ghost--shown :text)))
       0))
    (_ 0)))

(defun codefuse-ghost--draw ()
  "Draw what is shown: one line at the cursor, the rest under its line."
  (codefuse-ghost--erase)
  (setq codefuse-ghost--active (not (plist-get codefuse-ghost--shown :popup)))
  (let* ((end (marker-position (plist-get codefuse-ghost--shown :end)))
         (at-end (= end (save-excursion (goto-char end) (pos-eol))))
         (text (substring (plist-get codefuse-ghost--shown :text) (codefuse-ghost--previewed)))
         (break (string-search "\n" text))
         (first (codefuse-ghost--paint (substring text 0 break)))
         (rest (and break (not (plist-get codefuse-ghost--shown :popup))
                    (codefuse-ghost--paint (substring text break))))
         (count (codefuse-ghost--count)))
    (if (> end (point))
        (codefuse-ghost--overlay (point) end 'display (concat first (and at-end rest) (and at-end count)))
      (let ((shown (concat first (and at-end rest) (and at-end count))))
        (unless (string-empty-p shown)
          ;; The cursor stays before the ghost text, not behind it; it cannot stay on a line break.
          (when (string-prefix-p "\n" shown) (setq shown (concat " " shown)))
          (put-text-property 0 1 'cursor t shown)
          (codefuse-ghost--overlay (point) (point) 'after-string shown))))
    (unless at-end
      (let ((eol (save-excursion (goto-char end) (pos-eol))))
        (codefuse-ghost--overlay eol eol 'after-string (concat rest count))))))

(defun codefuse-ghost--paint (text)
  "Return TEXT as it is drawn, tabs as wide as they will be."
  (propertize (replace-regexp-in-string "\t" (make-string tab-width ?\s) text t t) 'face 'codefuse-ghost))

(defun codefuse-ghost--count ()
  "Return which of several suggestions is shown, nil for an only one."
  (let ((total (length (plist-get codefuse-ghost--shown :items))))
    (when (> total 1)
      (propertize (format "  (%d/%d)" (1+ (plist-get codefuse-ghost--shown :index)) total)
                  'face 'codefuse-ghost-count))))

(defun codefuse-ghost--overlay (beg end property value)
  "Draw by an overlay from BEG to END whose PROPERTY is VALUE."
  (let ((overlay (make-overlay beg end nil t)))
    (overlay-put overlay 'priority 1000)
    (overlay-put overlay 'codefuse-ghost t)
    (overlay-put overlay property value)
    (push overlay codefuse-ghost--overlays)))

(defun codefuse-ghost--erase ()
  "Draw nothing."
  (mapc #'delete-overlay codefuse-ghost--overlays)
  (setq codefuse-ghost--overlays nil))

(defun codefuse-ghost--clear ()
  "Show nothing any more."
  (codefuse-ghost--erase)
  (when codefuse-ghost--shown
    (set-marker (plist-get codefuse-ghost--shown :beg) nil)
    (set-marker (plist-get codefuse-ghost--shown :end) nil)
    (setq codefuse-ghost--shown nil
          codefuse-ghost--active nil)))

(defun codefuse-ghost--reject ()
  "Show nothing any more, and tell that it was not taken."
  (codefuse-ghost--tell "codefuse/didRejectCompletion")
  (codefuse-ghost--clear))

(defun codefuse-ghost--in-place-p ()
  "Return non-nil if what is shown still belongs where point is."
  (and (= (point) (plist-get codefuse-ghost--shown :beg))
       (eql codefuse-ghost--tick (buffer-chars-modified-tick))))

(defun codefuse-ghost--follow ()
  "If what was typed is what was shown, show the rest; return non-nil then."
  (let* ((beg (marker-position (plist-get codefuse-ghost--shown :beg)))
         (text (plist-get codefuse-ghost--shown :text))
         (typed (and (> (point) beg) (<= (- (point) beg) (length text))
                     (buffer-substring-no-properties beg (point)))))
    (when (and typed (string-prefix-p typed text)
               (not (eql codefuse-ghost--tick (buffer-chars-modified-tick))))
      (codefuse-ghost--advance typed)
      (if (string-empty-p (plist-get codefuse-ghost--shown :text))
          (codefuse-ghost--clear) ; and nil: what comes next can be asked for
        (plist-put codefuse-ghost--shown :popup (codefuse-ghost--popup))
        (codefuse-ghost--draw)
        t))))

(defun codefuse-ghost--advance (typed)
  "Note that TYPED, the beginning of what is shown, is in the buffer now."
  (let ((shown codefuse-ghost--shown))
    (plist-put shown :text (substring (plist-get shown :text) (length typed)))
    (plist-put shown :typed (+ (plist-get shown :typed) (codefuse-units typed)))
    (set-marker (plist-get shown :beg) (point))))

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

(defun codefuse-ghost--tell (method &optional more)
  "Send METHOD about what is shown, with the plist MORE."
  (let* ((shown codefuse-ghost--shown)
         (item (nth (plist-get shown :index) (plist-get shown :items)))
         (arguments (plist-get (plist-get item :command) :arguments))
         (server (plist-get shown :server)))
    (when (and arguments (codefuse-server-live-p server))
      (codefuse-server-notify server method (append (list :id (elt arguments 0)) more)))))

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
