;;; codefuse-chat-asking.el --- Ask in a chat, and show the answer as it comes -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; One answer is written at a time.  What was said of one that is stopped stays; a question without one is given back.

;;; Code:

(require 'codefuse-chat-buffer)

(defun codefuse-chat-send ()
  "Send the question."
  (interactive nil codefuse-chat-mode)
  (codefuse-chat--idle)
  (let ((question (string-trim (codefuse-chat--question)))
        (references (reverse codefuse-chat--references))
        (server (codefuse-chat--server)))
    (when (string-empty-p question) (user-error "CodeFuse: write a question first"))
    (when (buffer-live-p codefuse-chat--origin)
      (with-current-buffer codefuse-chat--origin (codefuse-server-flush server)))
    (setq codefuse-chat--references nil)
    (codefuse-chat--writing
      (delete-region codefuse-chat--input (point-max))
      (codefuse-chat--add (list :role "human" :text question :references references)))
    (codefuse-chat--start
     "codefuse/chat"
     (append (list :message question)
             (and codefuse-chat--conversation (list :conversationId codefuse-chat--conversation))
             (and references (list :references (vconcat references))))
     server
     (lambda (_) ; what was not answered can be sent again
       (let ((more (codefuse-chat--question)))
         (setq codefuse-chat--references (reverse references))
         (codefuse-chat--writing
           (codefuse-chat--draw-prompt (if (string-blank-p more) question (concat question "\n" more)))))))))

(defun codefuse-chat--start (method params server on-failure &optional on-answer)
  "Send METHOD with PARAMS to SERVER and show the answer as it comes.
ON-FAILURE is called if there is none, with a sentence about it or nil,
and ON-ANSWER with the result if it is whole."
  (cl-incf codefuse-chat--place)
  (let* ((buffer (current-buffer))
         (bounds (codefuse-chat--writing
                   (prog1 (codefuse-chat--add (list :role "bot" :text ""))
                     (codefuse-chat--redraw-prompt))))
         (token (codefuse-stream-open
                 (lambda (text)
                   (when (buffer-live-p buffer)
                     (with-current-buffer buffer (codefuse-chat--grow text)))))))
    (set-marker-insertion-type codefuse-chat--said t)
    (setq codefuse-chat--running (list :token token :beg (copy-marker (car bounds)) :end (cdr bounds)))
    (plist-put codefuse-chat--running :request
               (codefuse-request
                method (append params (list :partialResultToken token))
                :server server
                :on-result (lambda (result)
                             (codefuse-chat--answered result)
                             (when on-answer (funcall on-answer result)))
                :on-error (lambda (sentence)
                            (codefuse-chat--failed sentence)
                            (funcall on-failure sentence))))
    (force-mode-line-update)))

(defun codefuse-chat--grow (text)
  "Show that TEXT was written."
  (when codefuse-chat--running
    (let ((end (plist-get codefuse-chat--running :end))
          (turn (get-text-property (plist-get codefuse-chat--running :end) 'codefuse-turn)))
      (codefuse-chat--keeping-windows
        (codefuse-chat--writing
          (save-excursion
            (goto-char end)
            (let ((beg (point)))
              (insert text)
              (put-text-property beg (point) 'codefuse-turn turn)
              (codefuse-chat--seal beg (point)))))))))

(defun codefuse-chat--answered (result)
  "Show RESULT, the whole answer."
  (let ((running codefuse-chat--running))
    (codefuse-chat--over)
    (codefuse-chat--learn result)
    (codefuse-chat--writing
      (let* ((beg (plist-get running :beg)) (end (plist-get running :end)))
        (cl-loop with turn = (get-text-property end 'codefuse-turn)
                 for (key value) on (codefuse-chat--turn-of result) by #'cddr
                 do (plist-put turn key value)
                 finally (codefuse-replace beg end (plist-get result :text))
                 finally (put-text-property beg end 'codefuse-turn turn))
        (codefuse-chat--seal beg end)
        (codefuse-chat--note end (codefuse-chat--remarks result))))
    (force-mode-line-update)))

(defun codefuse-chat--turn-of (result)
  "Return the turn that RESULT is."
  (list :role "bot" :text (plist-get result :text) :turnId (plist-get result :turnId)
        :parentId (plist-get result :questionId) :finishReason (plist-get result :finishReason)
        :codeBlocks (plist-get result :codeBlocks)))

(defun codefuse-chat--learn (result)
  "Note the conversation of RESULT, and its question's id."
  (setq codefuse-chat--conversation (plist-get result :conversationId))
  (when-let* ((id (plist-get result :questionId))
              (question (cl-find-if #'codefuse-chat--human-p (reverse (codefuse-chat--turns)))))
    (plist-put question :turnId id)))

(defun codefuse-chat--remarks (result)
  "Return what is to be said about the answer RESULT, nil for nothing."
  (let ((remarks (append
                  (pcase (plist-get result :finishReason)
                    ("cancelled" '("Stopped."))
                    ("length" '("Cut: the answer reached its longest.")))
                  (plist-get result :leftOut) nil)))
    (and remarks (string-join remarks " "))))

(defun codefuse-chat--note (end remark)
  "Draw REMARK, if there is one, in its own line behind END."
  (when remark
    (save-excursion
      (goto-char end)
      (let ((beg (point)) (turn (get-text-property (max (point-min) (1- (point))) 'codefuse-turn)))
        (insert "\n\n" (propertize (concat "— " remark) 'font-lock-face 'codefuse-chat-note))
        (put-text-property beg (point) 'codefuse-turn turn)
        (codefuse-chat--seal beg (point))))))

(defun codefuse-chat--failed (sentence)
  "Show SENTENCE in place of an answer."
  (let ((running codefuse-chat--running))
    (codefuse-chat--over)
    (codefuse-chat--writing
      (codefuse-chat--note (plist-get running :end) (or sentence "Stopped.")))
    (force-mode-line-update)))

(defun codefuse-chat--over ()
  "Note that no answer is written any more."
  (when codefuse-chat--running
    (codefuse-stream-close (plist-get codefuse-chat--running :token))
    (setq codefuse-chat--running nil)
    (set-marker-insertion-type codefuse-chat--said nil)))

(defun codefuse-chat-stop ()
  "Stop the answer; what was said of it stays."
  (interactive nil codefuse-chat-mode)
  (unless codefuse-chat--running (user-error "CodeFuse writes nothing now"))
  (codefuse-cancel (plist-get codefuse-chat--running :request)))

(defun codefuse-chat--leave ()
  "Stop the answer of a chat that is closed."
  (when codefuse-chat--running
    (ignore-errors (codefuse-chat-stop))
    (codefuse-chat--over)))

(provide 'codefuse-chat-asking)
;;; codefuse-chat-asking.el ends here
