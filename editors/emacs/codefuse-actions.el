;;; codefuse-actions.el --- What the server can do with code -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; Code actions of our server at point or on the region: which there are is the server's to say.

;;; Code:

(require 'codefuse-document)
(require 'codefuse-server)

(declare-function flymake-diagnostics "flymake" (&optional beg end))
(declare-function flymake-diagnostic-beg "flymake" (diag))
(declare-function flymake-diagnostic-end "flymake" (diag))
(declare-function flymake-diagnostic-text "flymake" (diag &optional parts))
(declare-function flymake-diagnostic-type "flymake" (diag))

(defun codefuse-actions-region ()
  "Return the bounds of the region, or point twice."
  (if (use-region-p) (cons (region-beginning) (region-end)) (cons (point) (point))))

(defun codefuse-actions--severity (type)
  "Return the severity on the wire of Flymake's TYPE."
  (pcase (get type 'flymake-category)
    ('flymake-error 1)
    ('flymake-warning 2)
    ('flymake-note 3)
    (_ (pcase type ((or :error 'eglot-error) 1) ((or :warning 'eglot-warning) 2) (_ 3)))))

(defun codefuse-actions--diagnostics (beg end server)
  "Return what Flymake finds wrong between BEG and END, as SERVER reads it."
  (when (bound-and-true-p flymake-mode)
    (mapcar (lambda (diagnostic)
              (list :range (codefuse-range (flymake-diagnostic-beg diagnostic)
                                           (flymake-diagnostic-end diagnostic) server)
                    :severity (codefuse-actions--severity (flymake-diagnostic-type diagnostic))
                    :source "flymake"
                    :message (substring-no-properties (flymake-diagnostic-text diagnostic))))
            (flymake-diagnostics (if (= beg end) (pos-bol) beg) (if (= beg end) (pos-eol) end)))))

(defun codefuse-actions-at (beg end &optional kind)
  "Return the actions that are offered from BEG to END, of KIND if given."
  (let ((server (codefuse-server-required)))
    (append
     (codefuse-request-now
      "textDocument/codeAction"
      (list :textDocument (codefuse-text-document)
            :range (codefuse-range beg end server)
            :context (append (list :diagnostics (vconcat (codefuse-actions--diagnostics beg end server)))
                             (and kind (list :only (vector kind)))))
      :server server)
     nil)))

(defun codefuse-actions--name (action)
  "Return what ACTION is called, without our own name before it."
  (string-remove-prefix "CodeFuse: " (plist-get action :title)))

(defun codefuse-action (beg end &optional kind)
  "Choose what to do with the code from BEG to END, and do it.
Without a region it is the code at point.  Only actions of KIND are
offered if that is given, and an only one is done at once."
  (interactive (let ((region (codefuse-actions-region))) (list (car region) (cdr region))))
  (let* ((server (codefuse-server-required))
         (actions (codefuse-actions-at beg end kind)))
    (pcase actions
      ('() (user-error "CodeFuse offers nothing here"))
      ((and `(,only) (guard kind)) (codefuse-actions-do only server))
      (_ (let* ((names (mapcar #'codefuse-actions--name actions))
                (chosen (completing-read "CodeFuse: " (codefuse-actions--table names) nil t)))
           (codefuse-actions-do (nth (seq-position names chosen) actions) server))))))

(defun codefuse-actions--table (names)
  "Return a completion table of NAMES in the order they have."
  (lambda (string predicate action)
    (if (eq action 'metadata)
        '(metadata (category . codefuse-action) (display-sort-function . identity))
      (complete-with-action action names string predicate))))

(defun codefuse-actions-do (action server)
  "Have ACTION done by SERVER, which may take its time."
  (if (or (plist-get action :edit) (plist-get action :command) (not (plist-get action :data)))
      (codefuse-actions--apply action server)
    (message "CodeFuse: %s…" (codefuse-actions--name action))
    (codefuse-request "codeAction/resolve" action
                      :server server
                      :on-result (lambda (resolved) (codefuse-actions--apply resolved server)))))

(defun codefuse-actions--apply (action server)
  "Do what ACTION of SERVER says: its edit first, then its command."
  (when-let* ((edit (plist-get action :edit)))
    (dolist (buffer (codefuse-apply-edit edit server))
      (unless (or noninteractive (get-buffer-window buffer)) (display-buffer buffer))))
  (when-let* ((command (plist-get action :command)))
    ;; A command bare of an action is one itself.
    (let ((command (if (stringp command) action command)))
      (codefuse-request "workspace/executeCommand"
                        (list :command (plist-get command :command)
                              :arguments (or (plist-get command :arguments) []))
                        :server server
                        :on-result #'ignore)))
  (message "CodeFuse: %s" (codefuse-actions--name action)))

(defmacro codefuse-actions--define (name kind doc)
  "Define the command NAME with DOC, which does the one action of KIND."
  (declare (indent 2) (doc-string 3))
  `(defun ,name (beg end)
     ,(format "%s from BEG to END.\nWithout a region it is the code at point." doc)
     (interactive (let ((region (codefuse-actions-region))) (list (car region) (cdr region))))
     (codefuse-action beg end ,kind)))

(codefuse-actions--define codefuse-explain "refactor.codefuse.explain" "Explain the code")
(codefuse-actions--define codefuse-write-tests "refactor.codefuse.tests" "Write tests for the code")
(codefuse-actions--define codefuse-fix "quickfix" "Mend what is found wrong in the code")

(provide 'codefuse-actions)
;;; codefuse-actions.el ends here
