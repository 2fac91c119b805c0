;;; codefuse-markdown.el --- Markdown as answers have it -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Faces for headings, emphasis, code, and blocks of code in the colours of their language; and the way from one block
;; to the next.  Needs no other package.

;;; Code:

(require 'cl-lib)
(require 'subr-x)

(defface codefuse-heading '((t :inherit (bold font-lock-function-name-face)))
  "Headings in answers."
  :group 'codefuse)

(defface codefuse-code '((t :inherit (fixed-pitch font-lock-constant-face)))
  "Code in the middle of a sentence."
  :group 'codefuse)

(defface codefuse-block
  '((((background light)) :background "#f2f2f2" :extend t)
    (((background dark)) :background "#262626" :extend t))
  "Blocks of code in answers."
  :group 'codefuse)

(defface codefuse-fence '((t :inherit shadow))
  "Lines that begin and end a block of code."
  :group 'codefuse)

(defconst codefuse-markdown--fence "^[ \t]*\\(```+\\|~~~+\\)[ \t]*\\([^`\n]*\\)$"
  "A line that begins or ends a block of code.")

(defconst codefuse-markdown--modes
  '(("c++" . c++-mode) ("cpp" . c++-mode) ("bash" . sh-mode) ("shell" . sh-mode) ("sh" . sh-mode)
    ("console" . sh-mode) ("elisp" . emacs-lisp-mode) ("emacs-lisp" . emacs-lisp-mode) ("js" . js-mode)
    ("javascript" . js-mode) ("jsx" . js-mode) ("json" . js-json-mode) ("ts" . typescript-ts-mode)
    ("typescript" . typescript-ts-mode) ("py" . python-mode) ("html" . html-mode) ("yaml" . yaml-ts-mode)
    ("rs" . rust-ts-mode) ("rust" . rust-ts-mode) ("go" . go-ts-mode))
  "Modes of languages whose names do not tell them.")

(defconst codefuse-markdown--largest 20000
  "Characters of a block above which it is not coloured.")

(defun codefuse-markdown-setup ()
  "Have the current buffer show Markdown."
  (setq-local font-lock-defaults '(codefuse-markdown--keywords t))
  (setq-local font-lock-multiline t)
  (add-hook 'font-lock-extend-region-functions #'codefuse-markdown--extend nil t))

(defconst codefuse-markdown--keywords
  '((codefuse-markdown--match-block (0 (codefuse-markdown--paint) nil))
    ("^#+ .*$" 0 'codefuse-heading keep)
    ("`\\([^`\n]+\\)`" 1 'codefuse-code keep)
    ("\\*\\*\\([^*\n]+\\)\\*\\*" 1 'bold keep)
    ("\\_<_\\([^_\n]+\\)_\\_>" 1 'italic keep)
    ("^[ \t]*\\([-*+]\\|[0-9]+[.)]\\) " 1 'font-lock-builtin-face keep))
  "What is painted, and how.")

(defvar font-lock-beg)
(defvar font-lock-end)

(defun codefuse-markdown--extend ()
  "Have whole blocks painted at once."
  (let ((beg font-lock-beg) (end font-lock-end))
    (save-excursion
      (goto-char beg)
      (when-let* ((block (codefuse-markdown-block-at (point))))
        (setq font-lock-beg (min beg (plist-get block :beg))))
      (goto-char end)
      (when-let* ((block (codefuse-markdown-block-at (point))))
        (setq font-lock-end (max end (plist-get block :end)))))
    (or (/= beg font-lock-beg) (/= end font-lock-end))))

(defun codefuse-markdown--match-block (limit)
  "Find the next block of code before LIMIT."
  (when (re-search-forward codefuse-markdown--fence limit t)
    (let* ((beg (match-beginning 0))
           (fence (match-string 1))
           (end (if (re-search-forward (format "^[ \t]*%s+[ \t]*$" (regexp-quote fence)) nil t)
                    (point)
                  (point-max))))
      (goto-char (min end (max limit (point))))
      (set-match-data (list beg end))
      (goto-char end)
      t)))

(defun codefuse-markdown--paint ()
  "Paint the block of code that was found."
  (let* ((end (match-end 0))
         (block (codefuse-markdown-block-at (match-beginning 0))))
    (put-text-property (match-beginning 0) end 'font-lock-multiline t)
    (put-text-property (match-beginning 0) end 'face 'codefuse-fence)
    (when block
      (let ((from (plist-get block :code-beg)) (to (plist-get block :code-end)))
        (put-text-property from to 'face 'codefuse-block)
        (when (< (- to from) codefuse-markdown--largest)
          (codefuse-markdown--colour from to (plist-get block :language)))))
    nil))

(defun codefuse-markdown--mode (language)
  "Return the mode for LANGUAGE, nil if there is none that works.
LANGUAGE is a word of the model's: of what is called so, only modes in
which files are opened are ever begun."
  (let* ((known (cdr (assoc (downcase language) codefuse-markdown--modes)))
         (mode (or known (intern-soft (concat (downcase language) "-mode")))))
    (and mode (fboundp mode)
         (or known (rassq mode auto-mode-alist) (rassq mode interpreter-mode-alist))
         (or (not (string-suffix-p "-ts-mode" (symbol-name mode)))
             (ignore-errors (treesit-language-available-p (intern (downcase language)))))
         mode)))

(declare-function treesit-language-available-p "treesit.c" (language &optional detail))

(defun codefuse-markdown--colour (beg end language)
  "Give the text from BEG to END the colours of LANGUAGE."
  (when-let* ((mode (and (not (string-empty-p language)) (codefuse-markdown--mode language))))
    (let ((text (buffer-substring-no-properties beg end))
          (buffer (current-buffer))
          (offset (1- beg)))
      (with-current-buffer (get-buffer-create (format " *codefuse %s*" mode))
        (let ((inhibit-modification-hooks nil))
          (erase-buffer)
          (insert text))
        (unless (eq major-mode mode) (delay-mode-hooks (funcall mode)))
        (ignore-errors (font-lock-ensure))
        (let ((place (point-min)) next)
          (while (< place (point-max))
            (setq next (or (next-single-property-change place 'face) (point-max)))
            (when-let* ((face (get-text-property place 'face)))
              (with-current-buffer buffer
                (put-text-property (+ offset place) (+ offset next) 'face
                                   (append (ensure-list face) '(codefuse-block)))))
            (setq place next)))))))

;;;; Blocks

(defun codefuse-markdown-blocks ()
  "Return the blocks of code in the current buffer, each a plist.
:beg and :end are round its fences, :code-beg and :code-end round its
code, :language is what its first line says, :is-closed whether it ends."
  (save-excursion
    (goto-char (point-min))
    (let (blocks)
      (while (re-search-forward codefuse-markdown--fence nil t)
        (let* ((beg (match-beginning 0))
               (fence (match-string-no-properties 1))
               (language (car (split-string (match-string-no-properties 2) "[ \t{:,]+" t)))
               (code-beg (min (point-max) (1+ (match-end 0))))
               (closed (re-search-forward (format "^[ \t]*%s+[ \t]*$" (regexp-quote fence)) nil 'move)))
          (push (list :beg beg :end (point) :code-beg code-beg
                      :code-end (if closed (max code-beg (match-beginning 0)) (point-max))
                      :language (or language "") :is-closed (and closed t))
                blocks)))
      (nreverse blocks))))

(defun codefuse-markdown-block-at (place)
  "Return the block of code that PLACE is in, or nil."
  (cl-find-if (lambda (block) (<= (plist-get block :beg) place (plist-get block :end)))
              (codefuse-markdown-blocks)))

(defun codefuse-markdown-code (block)
  "Return the code of BLOCK."
  (buffer-substring-no-properties (plist-get block :code-beg) (plist-get block :code-end)))

(defun codefuse-markdown-next-block ()
  "Go to the next block of code."
  (interactive)
  (if-let* ((block (cl-find-if (lambda (block) (> (plist-get block :code-beg) (point))) (codefuse-markdown-blocks))))
      (goto-char (plist-get block :code-beg))
    (user-error "No further block of code")))

(defun codefuse-markdown-previous-block ()
  "Go to the block of code before."
  (interactive)
  (if-let* ((block (cl-find-if (lambda (block) (< (plist-get block :end) (point)))
                               (reverse (codefuse-markdown-blocks)))))
      (goto-char (plist-get block :code-beg))
    (user-error "No block of code before")))

(defun codefuse-markdown-copy-block ()
  "Copy the block of code at point."
  (interactive)
  (if-let* ((block (codefuse-markdown-block-at (point))))
      (progn (kill-new (codefuse-markdown-code block))
             (message "Copied %d lines" (count-lines (plist-get block :code-beg) (plist-get block :code-end))))
    (user-error "There is no block of code here")))

(provide 'codefuse-markdown)
;;; codefuse-markdown.el ends here
