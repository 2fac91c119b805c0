;;; codefuse-menu.el --- All that CodeFuse can do, in a menu -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The codefuse-lsp authors

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; One key each for what can be done at point.

;;; Code:

(require 'transient)
(require 'codefuse)

(transient-define-prefix codefuse-menu ()
  "Choose what CodeFuse is to do."
  [["Code here"
    ("a" "Actions…" codefuse-action)
    ("e" "Explain" codefuse-explain)
    ("t" "Write tests" codefuse-write-tests)
    ("f" "Fix" codefuse-fix)
    ("i" "Change as you say…" codefuse-edit)
    ("n" "Better name…" codefuse-rename)]
   ["Chat"
    ("c" "Open" codefuse-chat)
    ("r" "Refer to this" codefuse-chat-add-reference)
    ("o" "Conversations…" codefuse-chat-conversations)
    ""
    ("m" "Commit message" codefuse-commit-message)]
   ["Review"
    ("v" "Review" codefuse-review)
    ("V" "Clear it" codefuse-clear-review)]
   ["CodeFuse"
    ("s" "Status" codefuse-status)
    ("w" "Why no suggestion?" codefuse-why)
    ("p" "What the model sees" codefuse-inspect-prompt)
    ("k" "Stop" codefuse-stop)
    ("R" "Restart the server" codefuse-restart)
    ("T" "Trust this project" codefuse-trust-project)]])

(provide 'codefuse-menu)
;;; codefuse-menu.el ends here
