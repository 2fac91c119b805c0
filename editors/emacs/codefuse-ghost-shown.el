;;; codefuse-ghost-shown.el --- The suggestion that is shown, and how it is drawn -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Drawn by overlays: one line at the cursor, the rest under its line.  While the popup of company or corfu is open it is
;; one line that goes on from the candidate selected there, and nothing where that is not what would be typed.

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

(defvar-local codefuse-ghost--shown nil
  "What is shown: a plist.
:items and :index are the suggestions and which of them it is, :text what
is still to be typed of it, :typed how many UTF-16 units of it were typed
or taken, :beg and :end markers round what it replaces.")

(defvar-local codefuse-ghost--overlays nil
  "Overlays that draw what is shown.")

(defvar-local codefuse-ghost--tick nil
  "State of the text that was asked about last.")

(defvar-local codefuse-ghost--active nil
  "Non-nil while `codefuse-ghost-map' holds: those of a popup go first.")

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

(defun codefuse-ghost--tell (method &optional more)
  "Send METHOD about what is shown, with the plist MORE."
  (let* ((shown codefuse-ghost--shown)
         (item (nth (plist-get shown :index) (plist-get shown :items)))
         (arguments (plist-get (plist-get item :command) :arguments))
         (server (plist-get shown :server)))
    (when (and arguments (codefuse-server-live-p server))
      (codefuse-server-notify server method (append (list :id (elt arguments 0)) more)))))

(provide 'codefuse-ghost-shown)
;;; codefuse-ghost-shown.el ends here
