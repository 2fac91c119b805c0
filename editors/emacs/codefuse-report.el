;;; codefuse-report.el --- How the model is, and why it said nothing -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; What the server tells of its model, of the suggestions it gave or did not give, and of what the model is shown.

;;; Code:

(require 'tabulated-list)
(require 'codefuse-connection)
(require 'codefuse-document)

(defun codefuse-report--state (server)
  "Return in words how the model of SERVER is."
  (let ((status (codefuse-server-status server)))
    (if (not status)
        "The server has told nothing of its model yet"
      (concat (pcase (plist-get status :state)
                ("stopped" "No model runs; the first request starts it")
                ("ready" (format "Ready: %s%s" (plist-get status :model)
                                 (if (member (plist-get status :device) '(nil "")) ""
                                   (format " on %s" (plist-get status :device)))))
                (_ (plist-get status :message)))
              (if (plist-get status :queuePosition)
                  (format "; %d requests go before yours" (plist-get status :queuePosition))
                "")
              (if (plist-get status :command) (format ".  This mends it: %s" (plist-get status :command)) "")))))

(defun codefuse-status ()
  "Say how the server and its model are."
  (interactive)
  (let ((server (codefuse-server)))
    (cond
     (server
      (codefuse-request "codefuse/status" nil :server server
                        :on-result (lambda (status)
                                     (codefuse-server-take-status server status)
                                     (message "CodeFuse: %s" (codefuse-report--state server)))))
     ((not (bound-and-true-p codefuse-mode))
      (message "CodeFuse is off in this buffer; turn it on with M-x codefuse-mode"))
     ((not (codefuse-connection-program))
      (message "CodeFuse: there is no program %s; install codefuse-lsp or say where it is in `codefuse-server-command'"
               (car codefuse-server-command)))
     (t (message "CodeFuse: the server is not there; M-x codefuse-restart begins it anew")))))

(defvar-keymap codefuse-why-mode-map
  :doc "Keys in the list of requests."
  :parent tabulated-list-mode-map
  "RET" #'codefuse-why-show)

(define-derived-mode codefuse-why-mode tabulated-list-mode "CodeFuse Why"
  "Mode that lists what became of requests for suggestions."
  :interactive nil
  (setq tabulated-list-format [("When" 9 t) ("Where" 24 t) ("Outcome" 14 t) ("ms" 7 nil :right-align t) ("Why" 0 nil)]
        tabulated-list-padding 1)
  (tabulated-list-init-header))

(defun codefuse-why ()
  "List what became of the last requests for suggestions."
  (interactive)
  (let ((server (codefuse-server-required)))
    (codefuse-request
     "codefuse/whyNoSuggestion" '(:count 50)
     :server server
     :on-result
     (lambda (records)
       (with-current-buffer (get-buffer-create "*CodeFuse: why*")
         (codefuse-why-mode)
         (setq tabulated-list-entries (mapcar #'codefuse-report--entry (reverse (append records nil))))
         (tabulated-list-print)
         (goto-char (point-min))
         (pop-to-buffer (current-buffer)))))))

(defun codefuse-report--entry (record)
  "Return the line that shows RECORD."
  (list record
        (vector (format-time-string "%T" (plist-get record :time))
                (format "%s:%s" (file-name-nondirectory (plist-get record :file)) (plist-get record :line))
                (plist-get record :outcome)
                (format "%.0f" (plist-get record :totalMs))
                (replace-regexp-in-string "\n" " " (or (plist-get record :detail) "")))))

(defun codefuse-why-show ()
  "Show all that is known of the request at point."
  (interactive nil codefuse-why-mode)
  (let ((record (or (tabulated-list-get-id) (user-error "There is no request here"))))
    (with-help-window "*CodeFuse: request*"
      (cl-loop for (key value) on record by #'cddr
               do (princ (format "%-18s %s\n" (substring (symbol-name key) 1) (codefuse-report--value value)))))))

(defun codefuse-report--value (value)
  "Return VALUE as it is read."
  (pcase value
    ((pred vectorp) (mapconcat (lambda (one) (format "%s" one)) value ", "))
    ((pred floatp) (format "%.1f" value))
    ('nil "—")
    (_ (format "%s" value))))

(defun codefuse-inspect-prompt ()
  "Show exactly what the model would be shown at point."
  (interactive)
  (let ((server (codefuse-server-required)))
    (codefuse-request
     "codefuse/inspectPrompt"
     (list :textDocument (codefuse-text-document) :position (codefuse-position (point) server))
     :server server
     :on-result (lambda (result)
                  (if (not result)
                      (message "CodeFuse: the model would be shown nothing here")
                    (with-current-buffer (get-buffer-create "*CodeFuse: prompt*")
                      (let ((inhibit-read-only t))
                        (erase-buffer)
                        (insert (plist-get result :prompt)))
                      (special-mode)
                      (pop-to-buffer (current-buffer))))))))

(provide 'codefuse-report)
;;; codefuse-report.el ends here
