;; Checkdoc's experimental check of verbs takes nouns, such as turns and changes, and verbs of clauses for imperatives.
((emacs-lisp-mode . ((checkdoc-verb-check-experimental-flag . nil)
                     (fill-column . 120)
                     (indent-tabs-mode . nil))))
