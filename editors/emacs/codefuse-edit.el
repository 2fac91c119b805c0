;;; codefuse-edit.el --- Have code changed as you say -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; An instruction for the region, or for what is at point; the answer is looked at as `codefuse-review' shows it.  A
;; block of code from a chat goes the same way into its file.

;;; Code:

(require 'codefuse-document)
(require 'codefuse-review)
(require 'codefuse-server)

(defface codefuse-edit-growing '((t :inherit diff-added))
  "Text of an edit while it is written."
  :group 'codefuse)

(defvar codefuse-edit-history nil
  "Instructions given so far.")

(defvar-local codefuse-edit--running nil
  "The edit being written: a plist of :request, :token and :overlay.")

(defun codefuse-edit (beg end instruction)
  "Have the code from BEG to END changed as INSTRUCTION says.
Without a region it is the code at point."
  (interactive
   (let ((region (if (use-region-p) (cons (region-beginning) (region-end)) (cons (point) (point)))))
     (barf-if-buffer-read-only)
     (codefuse-server-required)
     (list (car region) (cdr region)
           (read-string (if (use-region-p) "Change the region: " "Change the code here: ")
                        nil 'codefuse-edit-history))))
  (when (string-blank-p instruction) (user-error "CodeFuse: say what to change"))
  (when codefuse-edit--running (user-error "CodeFuse: an edit is being written here; \\[codefuse-stop] stops it"))
  (let* ((server (codefuse-server-required))
         (overlay (codefuse-edit--overlay end))
         (token (codefuse-stream-open (lambda (text) (codefuse-edit--grow overlay text)))))
    (setq codefuse-edit--running (list :token token :overlay overlay))
    (plist-put codefuse-edit--running :request
               (codefuse-request
                "codefuse/edit"
                (list :textDocument (codefuse-versioned-document server)
                      :range (codefuse-range beg end server)
                      :instruction instruction
                      :partialResultToken token)
                :server server
                :on-error (lambda (sentence)
                            (codefuse-edit--over)
                            (when sentence (message "CodeFuse: %s" sentence)))
                :on-result (lambda (proposal)
                             (codefuse-edit--over)
                             (codefuse-edit--propose proposal server))))
    (deactivate-mark)
    (message "%s" (substitute-command-keys "CodeFuse writes…  \\[codefuse-stop] stops it"))))

(defun codefuse-edit--overlay (end)
  "Return an overlay in which to show what is written, behind END."
  (save-excursion
    (goto-char end)
    (unless (and (bolp) (not (eobp))) (goto-char (min (point-max) (1+ (pos-eol)))))
    (let ((overlay (make-overlay (point) (point))))
      (overlay-put overlay 'codefuse-text "")
      overlay)))

(defun codefuse-edit--grow (overlay text)
  "Show in OVERLAY that TEXT was written."
  (let ((so-far (concat (overlay-get overlay 'codefuse-text) text)))
    (overlay-put overlay 'codefuse-text so-far)
    (overlay-put overlay 'before-string
                 (propertize (if (string-suffix-p "\n" so-far) so-far (concat so-far "\n"))
                             'face 'codefuse-edit-growing))))

(defun codefuse-edit--over ()
  "Note that nothing is written any more."
  (when-let* ((running codefuse-edit--running))
    (setq codefuse-edit--running nil)
    (codefuse-stream-close (plist-get running :token))
    (delete-overlay (plist-get running :overlay))))

(defun codefuse-edit-stop ()
  "Stop the edit that is being written here; return non-nil if one is."
  (when codefuse-edit--running
    (codefuse-cancel (plist-get codefuse-edit--running :request))
    t))

(defun codefuse-edit--propose (proposal server)
  "Have the user look at PROPOSAL of SERVER."
  (let ((id (plist-get proposal :editId))
        (version (plist-get proposal :version))
        (note (plist-get proposal :note)))
    (unwind-protect
        (progn
          (codefuse-server-flush server)
          (cond
           ((and version (codefuse-server-version server) (/= version (codefuse-server-version server)))
            (message "CodeFuse: %s was changed meanwhile; please ask again" (buffer-name)))
           ((seq-empty-p (plist-get proposal :hunks))
            (message "CodeFuse: %s" (codefuse-edit--or note "the code stays as it is")))
           (t (codefuse-review-start (codefuse-review-hunks (append (plist-get proposal :hunks) nil) server))
              (unless (string-empty-p (or note "")) (message "CodeFuse: %s" note)))))
      ;; What is taken of it is decided here; the server need not keep it.
      (codefuse-request "codefuse/edit/discard" (list :editId id) :server server :on-error #'ignore))))

(defun codefuse-edit--or (text default)
  "Return TEXT, or DEFAULT if there is none."
  (if (string-empty-p (or text "")) default text))

;;;; Blocks of code

(defun codefuse-edit-apply-block (block buffer mode)
  "Have the user look at BLOCK, a plist, as it goes into BUFFER by MODE.
BLOCK has :code, and may have :language and :path; MODE is insert,
replace or merge."
  (with-current-buffer buffer
    (let ((server (codefuse-server-required))
          (path (plist-get block :path)))
      (codefuse-request
       "codefuse/applyCodeBlock"
       (append (list :code (plist-get block :code)
                     :language (plist-get block :language)
                     :mode mode)
               (if (and (equal mode "merge") (not (string-empty-p (or path ""))))
                   (list :path path)
                 (list :textDocument (codefuse-versioned-document server)
                       :range (if (use-region-p)
                                  (codefuse-range (region-beginning) (region-end) server)
                                (codefuse-range (point) (point) server)))))
       :server server
       :on-result (lambda (result) (codefuse-edit--take-block result server))))))

(defun codefuse-edit--take-block (result server)
  "Show what RESULT of SERVER would change, or make the file that it makes."
  (let* ((uri (plist-get result :uri))
         (path (codefuse-path uri (codefuse-server-root server)))
         (hunks (append (plist-get result :hunks) nil))
         (note (plist-get result :note)))
    (if (or (null hunks) (not (or (file-exists-p path) (find-buffer-visiting path))))
        (when (or noninteractive (y-or-n-p (format "%s? " (codefuse-edit--or (plist-get result :label) path))))
          (mapc #'display-buffer (codefuse-apply-edit (plist-get result :edit) server)))
      (let ((buffer (find-file-noselect path)))
        (pop-to-buffer buffer)
        (codefuse-review-start (codefuse-review-hunks hunks server))))
    (unless (string-empty-p (or note "")) (message "CodeFuse: %s" note))))

(provide 'codefuse-edit)
;;; codefuse-edit.el ends here
