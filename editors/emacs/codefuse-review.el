;;; codefuse-review.el --- Look at proposed changes one by one -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; A proposal is written into its buffer as conflicts, as of a merge, with `smerge-mode' on: what is there above, what is
;; proposed below.  When the last of them is settled the whole is one step for `undo', by whatever way it was settled.

;;; Code:

(require 'cl-lib)
(require 'subr-x)
(require 'smerge-mode)
(require 'codefuse-document)

(defvar-local codefuse-review--current nil
  "The review under way: a plist of :group, :beg, :end, :header, :smerge and :done.")

(defvar-keymap codefuse-review-mode-map
  :doc "Keys while changes are looked at, beside those of `smerge-mode'."
  "C-c C-y" #'codefuse-review-accept
  "C-c C-k" #'codefuse-review-reject
  "C-c C-a" #'codefuse-review-accept-all
  "C-c C-q" #'codefuse-review-reject-all
  "C-c C-n" #'smerge-next
  "C-c C-p" #'smerge-prev)

(define-minor-mode codefuse-review-mode
  "Look at the changes that CodeFuse proposes.
\\{codefuse-review-mode-map}"
  :group 'codefuse
  :interactive nil
  :lighter " Review"
  (if codefuse-review-mode
      (add-hook 'post-command-hook #'codefuse-review--look nil t)
    (remove-hook 'post-command-hook #'codefuse-review--look t)))

(defun codefuse-review-hunks (hunks server)
  "Return HUNKS of SERVER as lists of two markers and the new text.
Each is whole lines, as conflicts have to be."
  (let ((placed (mapcar
                 (lambda (hunk)
                   (pcase-let ((`(,beg . ,end) (codefuse-region (plist-get hunk :range) server)))
                     (codefuse-review--check beg end (plist-get hunk :oldText))
                     (codefuse-review--whole-lines beg end (plist-get hunk :newText))))
                 hunks)))
    (codefuse-review--apart (sort placed (lambda (a b) (< (car a) (car b)))))))

(defun codefuse-review--check (beg end text)
  "Signal a `user-error' if there is something else than TEXT from BEG to END."
  (save-restriction
    (widen)
    (unless (or (null text)
                (equal (string-trim-right (buffer-substring-no-properties beg end) "[\r\n]+")
                       (string-trim-right (replace-regexp-in-string "\r\n?" "\n" text) "\n+")))
      (user-error "CodeFuse: %s was changed meanwhile; please ask again" (buffer-name)))))

(defun codefuse-review--whole-lines (beg end text)
  "Return the lines round BEG and END and what they are with TEXT there."
  (save-excursion
    (let* ((from (progn (goto-char beg) (pos-bol)))
           (to (progn (goto-char end)
                      (if (and (bolp) (or (> end beg) (= beg from)))
                          end
                        (min (point-max) (1+ (pos-eol))))))
           (new (concat (buffer-substring-no-properties from beg) text
                        (buffer-substring-no-properties end to))))
      (list (copy-marker from) (copy-marker to) new))))

(defun codefuse-review--apart (placed)
  "Return PLACED, of which no two may share a line."
  (cl-loop for (one next) on placed
           when (and next (< (car next) (cadr one)))
           do (user-error "CodeFuse: two of the changes are in one line")
           collect one))

(defun codefuse-review-start (hunks &optional done)
  "Have the user look at HUNKS in the current buffer.
Each is a list of its beginning, its end, and the new text, in whole
lines.  DONE is called when all are settled."
  (when codefuse-review--current
    (user-error "CodeFuse: settle the changes that are proposed here first"))
  (unless hunks (user-error "CodeFuse: there is nothing to change"))
  (barf-if-buffer-read-only)
  (let ((group (prepare-change-group))
        (beg (copy-marker (caar hunks)))
        (end (copy-marker (cadar (last hunks)) t)))
    (undo-boundary)
    (activate-change-group group)
    (dolist (hunk (reverse hunks))
      (codefuse-review--write hunk))
    (setq codefuse-review--current
          (list :group group :beg beg :end end :total (length hunks) :done done
                :header header-line-format :smerge (bound-and-true-p smerge-mode)))
    (setq header-line-format (codefuse-review--header))
    (smerge-mode 1)
    (codefuse-review-mode 1)
    (goto-char beg)
    (ignore-errors (smerge-refine))))

(defun codefuse-review--header ()
  "Return the line that says what can be done."
  (substitute-command-keys
   (concat " CodeFuse proposes:  \\<codefuse-review-mode-map>\\[codefuse-review-accept] take it   "
           "\\[codefuse-review-reject] keep mine   \\[codefuse-review-accept-all] take all   "
           "\\[codefuse-review-reject-all] keep all   \\[smerge-next] next")))

(defun codefuse-review--write (hunk)
  "Write HUNK as a conflict."
  (pcase-let* ((`(,beg ,end ,new) hunk)
               (old (buffer-substring-no-properties beg end)))
    (save-excursion
      (goto-char beg)
      (insert "<<<<<<< yours\n" )
      (goto-char (+ beg (length "<<<<<<< yours\n") (length old)))
      (insert (if (or (string-empty-p old) (string-suffix-p "\n" old)) "" "\n")
              "=======\n" new
              (if (or (string-empty-p new) (string-suffix-p "\n" new)) "" "\n")
              ">>>>>>> proposed\n"))))

;;;; Settling

(defun codefuse-review--conflict ()
  "Go to the conflict at point, or to the next one."
  (unless codefuse-review--current (user-error "CodeFuse proposes nothing here"))
  (unless (ignore-errors (save-excursion (smerge-match-conflict) t))
    (unless (re-search-forward smerge-begin-re nil t)
      (goto-char (plist-get codefuse-review--current :beg))
      (re-search-forward smerge-begin-re (plist-get codefuse-review--current :end) t))
    (beginning-of-line))
  (smerge-match-conflict))

(defun codefuse-review-accept ()
  "Take the change at point, or the next one."
  (interactive)
  (codefuse-review--settle #'smerge-keep-lower))

(defun codefuse-review-reject ()
  "Leave the text at point, or at the next change, as it was."
  (interactive)
  (codefuse-review--settle #'smerge-keep-upper))

(defun codefuse-review--settle (keep)
  "Settle the change at point by KEEP and go to the next one."
  (codefuse-review--conflict)
  (funcall keep)
  (unless (codefuse-review--look)
    (ignore-errors (codefuse-review--conflict))))

(defun codefuse-review-accept-all ()
  "Take all changes that are left."
  (interactive)
  (codefuse-review--settle-all #'smerge-keep-lower))

(defun codefuse-review-reject-all ()
  "Leave the text as it was wherever nothing was settled."
  (interactive)
  (codefuse-review--settle-all #'smerge-keep-upper))

(defun codefuse-review--settle-all (keep)
  "Settle all changes that are left by KEEP."
  (unless codefuse-review--current (user-error "CodeFuse proposes nothing here"))
  (save-excursion
    (goto-char (plist-get codefuse-review--current :beg))
    (while (re-search-forward smerge-begin-re (plist-get codefuse-review--current :end) t)
      (beginning-of-line)
      (smerge-match-conflict)
      (funcall keep)))
  (codefuse-review--look))

(defun codefuse-review--look ()
  "End the review when nothing is left to settle; return non-nil then."
  (when codefuse-review--current
    (let ((beg (plist-get codefuse-review--current :beg))
          (end (plist-get codefuse-review--current :end)))
      (unless (save-excursion
                (goto-char beg)
                (re-search-forward smerge-begin-re end t))
        (codefuse-review--end)
        t))))

(defun codefuse-review--end ()
  "Leave the buffer as if it had been changed at once."
  (let ((review codefuse-review--current))
    (setq codefuse-review--current nil)
    (undo-amalgamate-change-group (plist-get review :group))
    (accept-change-group (plist-get review :group))
    (undo-boundary)
    (setq header-line-format (plist-get review :header))
    (codefuse-review-mode -1)
    (unless (plist-get review :smerge) (smerge-mode -1))
    (set-marker (plist-get review :beg) nil)
    (set-marker (plist-get review :end) nil)
    (when (plist-get review :done) (funcall (plist-get review :done)))))

(provide 'codefuse-review)
;;; codefuse-review.el ends here
