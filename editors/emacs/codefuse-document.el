;;; codefuse-document.el --- Buffers as a language server sees them -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Files and their addresses, places in a buffer and their positions on the wire, and workspace edits, each of which is
;; one step for `undo'.  Knows no server but by its way to count columns.

;;; Code:

(require 'cl-lib)
(require 'codefuse-server)

;;;; Addresses

(defun codefuse-document--escape (path)
  "Return PATH with all escaped that does not stand for itself in an address."
  (mapconcat (lambda (byte)
               (if (or (<= ?a byte ?z) (<= ?A byte ?Z) (<= ?0 byte ?9) (memq byte '(?- ?. ?_ ?~ ?/)))
                   (string byte)
                 (format "%%%02X" byte)))
             (encode-coding-string path 'utf-8)))

(defun codefuse-uri (&optional file)
  "Return the address of FILE, that of the current buffer if nil."
  (when-let* ((path (or file (buffer-file-name (or (buffer-base-buffer) (current-buffer))))))
    (let ((local (file-local-name (expand-file-name path))))
      (concat "file://" (unless (string-prefix-p "/" local) "/") (codefuse-document--escape local)))))

(defun codefuse-path (uri &optional beside)
  "Return the file at URI, on the machine that the file BESIDE is on."
  (unless (string-prefix-p "file:" uri)
    (user-error "CodeFuse: %s is not a file" uri))
  (let ((path (decode-coding-string (url-unhex-string (string-remove-prefix "file://" uri)) 'utf-8)))
    (concat (file-remote-p (or beside default-directory))
            (if (string-match-p "\\`/[A-Za-z]:" path) (substring path 1) path))))

(defun codefuse-text-document ()
  "Return the identifier of the current buffer."
  (let ((server (codefuse-server)))
    (list :uri (or (and server (codefuse-server-uri server)) (codefuse-uri)))))

(defun codefuse-versioned-document (server)
  "Return the identifier of the current buffer and its version at SERVER."
  (codefuse-server-flush server)
  (let ((version (codefuse-server-version server)))
    (append (codefuse-text-document) (and version (list :version version)))))

(defun codefuse-display-name (uri)
  "Return how to call the file at URI."
  (if (string-prefix-p "file:" uri) (file-name-nondirectory (codefuse-path uri)) uri))

;;;; Positions

(defun codefuse-units (text &optional encoding)
  "Return the length of TEXT on the wire, in ENCODING or else UTF-16."
  (pcase encoding
    ("utf-32" (length text))
    ("utf-8" (string-bytes text))
    (_ (cl-loop for char across text sum (if (> char #xffff) 2 1)))))

(defun codefuse-position (&optional point server)
  "Return the position of POINT, or else of point, as SERVER counts."
  (save-restriction
    (widen)
    (save-excursion
      (when point (goto-char point))
      (list :line (1- (line-number-at-pos nil t))
            :character (codefuse-units
                        (buffer-substring-no-properties (pos-bol) (point))
                        (and server (codefuse-server-encoding server)))))))

(defun codefuse-point (position &optional server)
  "Return the place of POSITION, in which SERVER has counted columns."
  (save-restriction
    (widen)
    (save-excursion
      (goto-char (point-min))
      (forward-line (min most-positive-fixnum (plist-get position :line)))
      (let ((left (plist-get position :character))
            (encoding (and server (codefuse-server-encoding server)))
            (eol (pos-eol)))
        (while (and (> left 0) (< (point) eol))
          (cl-decf left (codefuse-units (string (char-after)) encoding))
          (forward-char))
        (point)))))

(defun codefuse-range (beg end &optional server)
  "Return the range from BEG to END as SERVER counts columns."
  (let ((start (codefuse-position beg server)))
    (list :start start :end (if (eql beg end) start (codefuse-position end server)))))

(defun codefuse-region (range &optional server)
  "Return the beginning and the end of RANGE, counted by SERVER."
  (cons (codefuse-point (plist-get range :start) server)
        (codefuse-point (plist-get range :end) server)))

;;;; Edits

(defmacro codefuse-as-one-step (&rest body)
  "Run BODY; what it changes in the current buffer is one step of `undo'."
  (declare (indent 0) (debug t))
  (let ((group (make-symbol "group")))
    `(let ((,group (prepare-change-group)))
       (undo-boundary)
       (prog1 (atomic-change-group ,@body)
         (undo-amalgamate-change-group ,group)
         (undo-boundary)))))

(defun codefuse-replace (beg end text)
  "Put TEXT between BEG and END, and leave alone how they begin alike."
  (let* ((old (buffer-substring-no-properties beg end))
         (differ (compare-strings old nil nil text nil nil))
         (same (if (eq differ t) (length old) (1- (abs differ)))))
    (unless (eq differ t)
      (save-excursion
        (goto-char (+ beg same))
        (delete-region (point) end)
        (insert (substring text same))))))

(defun codefuse-apply-edit (edit &optional server)
  "Apply the WorkspaceEdit EDIT of SERVER; return the buffers it changed.
Each buffer gets one step of `undo'.  Signals a `user-error', before
anything is changed, if a document is not what it was."
  (let ((changes (codefuse-document--changes edit)))
    (dolist (change changes)
      (codefuse-document--check change server))
    (delete-dups (delq nil (mapcar (lambda (change) (codefuse-document--do change server)) changes)))))

(defun codefuse-document--changes (edit)
  "Return the changes of EDIT, as in its documentChanges."
  (or (append (plist-get edit :documentChanges) nil)
      (cl-loop for (uri edits) on (plist-get edit :changes) by #'cddr
               collect (list :textDocument (list :uri (substring (symbol-name uri) 1)) :edits edits))))

(defun codefuse-document--check (change server)
  "Signal a `user-error' if the document of CHANGE has left SERVER behind."
  (when-let* ((document (plist-get change :textDocument))
              (version (plist-get document :version))
              (buffer (find-buffer-visiting (codefuse-path (plist-get document :uri)))))
    (with-current-buffer buffer
      (when server (codefuse-server-flush server))
      (let ((now (and server (codefuse-server-version server))))
        (when (and now (/= now version))
          (user-error "CodeFuse: %s was changed meanwhile; please ask again" (buffer-name)))
        (barf-if-buffer-read-only)))))

(defun codefuse-document--do (change server)
  "Do CHANGE of SERVER and return the buffer that it is in, if any."
  (pcase (plist-get change :kind)
    ("create" (codefuse-document--create change))
    ("rename" (rename-file (codefuse-path (plist-get change :oldUri)) (codefuse-path (plist-get change :newUri))) nil)
    ("delete" (user-error "CodeFuse: an edit would delete a file; that is left to you"))
    (_ (let ((buffer (find-file-noselect (codefuse-path (plist-get (plist-get change :textDocument) :uri)))))
         (with-current-buffer buffer
           (codefuse-as-one-step
             (codefuse-document--edit (append (plist-get change :edits) nil) server)))
         buffer))))

(defun codefuse-document--create (change)
  "Make the file of CHANGE, if it is not there."
  (let ((path (codefuse-path (plist-get change :uri)))
        (options (plist-get change :options)))
    (if (and (file-exists-p path) (not (codefuse-true-p (plist-get options :overwrite))))
        (unless (codefuse-true-p (plist-get options :ignoreIfExists))
          (user-error "CodeFuse: %s exists already" path))
      (make-directory (file-name-directory path) t)
      (write-region "" nil path nil 'quiet))
    nil))

(defun codefuse-document--edit (edits server)
  "Make the text EDITS of SERVER, all meant for the text as it is now."
  (save-restriction
    (widen)
    (let ((placed (seq-map-indexed
                   (lambda (edit index)
                     (let ((region (codefuse-region (plist-get edit :range) server)))
                       (list (copy-marker (car region)) (copy-marker (cdr region)) (plist-get edit :newText) index)))
                   edits)))
      ;; From the end to the beginning; of two at one place the later one first, as it then comes behind.
      (dolist (one (sort placed (lambda (a b)
                                  (if (= (car a) (car b)) (> (nth 3 a) (nth 3 b)) (> (car a) (car b))))))
        (codefuse-replace (marker-position (car one)) (marker-position (cadr one)) (nth 2 one))
        (set-marker (car one) nil)
        (set-marker (cadr one) nil)))))

(provide 'codefuse-document)
;;; codefuse-document.el ends here
