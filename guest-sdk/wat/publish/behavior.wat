;; {{name}}: what happens when an article is published.
;;
;;     validate ─ urgent ──────→ notify
;;              ─ newsletter ──→ wait ─→ digest
;;              ─ other ───────→ skip
;;
;; The behavior `publish` that ships with the host, written by hand as a core module. Each call runs in a fresh instance
;; that ends with it, so memory is only ever taken, never given back.
;;
;; Memory:       0 …  65535   the texts below; the zero byte at 0 is the empty text, and the value that is not there
;;           65536 …          what is allocated: first the Call, then what is decoded of it, then the answer
;;
;; What stands in memory is spoken of in four ways:
;;
;;   text    the address of bytes that end with a zero byte: the constants of this file
;;   value   the address of the first byte of a JSON value in the Call, or 0 where there is none
;;   slice   two addresses, of the first byte and of the one after the last: plain text in UTF-8, decoded
;;   piece   the address of a record of the body's list, see "The body"

(module
  (memory (export "memory") 2)

  ;; What the host calls.

  (func (export "rosehip_abi_version") (result i32)
    (i32.const 1))

  ;; The Manifest. It must always be the same.
  (func (export "rosehip_describe") (result i64)
    (call $begin-answer)
    (call $put-text (global.get $manifest))
    (call $answer))

  ;; Runs the node that the Call names.
  (func (export "rosehip_run") (param $call i32) (param $length i32) (result i64)
    (local $node i32)
    (local $article i32)
    (local.set $node (call $member (local.get $call) (global.get $key-node)))
    (local.set $article (call $member (local.get $call) (global.get $key-object)))
    (if (call $is (local.get $node) (global.get $node-validate))
      (then (return (call $validate (local.get $article)))))
    (if (call $is (local.get $node) (global.get $node-notify))
      (then (return (call $notify (local.get $call) (local.get $article) (i32.const 0)))))
    (if (call $is (local.get $node) (global.get $node-digest))
      (then (return (call $digest (local.get $call) (local.get $article)))))
    (if (call $is (local.get $node) (global.get $node-skip))
      (then (return (call $nothing))))
    (call $fail (global.get $no-node) (local.get $node)))

  ;; Room for so many bytes, or 0 where there is none.
  (func $alloc (export "rosehip_alloc") (param $bytes i32) (result i32)
    (local $start i32)
    (local $end i32)
    (local.set $start (global.get $heap))
    (local.set $end (i32.add (local.get $start) (local.get $bytes)))
    ;; A sum that wrapped around is smaller than what was added to.
    (if (i32.lt_u (local.get $end) (local.get $start))
      (then (return (i32.const 0))))
    (if (i32.gt_u (local.get $end) (call $memory-bytes))
      (then
        (if (i32.eq (memory.grow (call $missing-pages (local.get $end))) (i32.const -1))
          (then (return (i32.const 0))))))
    (global.set $heap (local.get $end))
    (local.get $start))

  ;; The nodes. Each decodes what it needs, then writes its answer: in between nothing may be allocated, see "Writing
  ;; the answer".

  ;; Says what is right and wrong with the article, and branches by its category.
  (func $validate (param $article i32) (result i64)
    (local $title i32) (local $title-end i32)
    (local $slug i32) (local $slug-end i32)
    (local $category i32) (local $category-end i32)
    (call $decode (call $member (local.get $article) (global.get $key-name)))
    (local.set $title-end) (local.set $title)
    (call $decode (call $member (local.get $article) (global.get $key-slug)))
    (local.set $slug-end) (local.set $slug)
    (call $category (local.get $article))
    (local.set $category-end) (local.set $category)
    (call $read-body (call $decode (call $member (local.get $article) (global.get $key-content))))

    (call $begin-answer)
    (call $put-text (global.get $validate-before))
    (call $check-title (local.get $title) (local.get $title-end))
    (call $check-slug (local.get $slug) (local.get $slug-end))
    (call $check-body)
    (call $check-pieces)
    (call $put-text (global.get $validate-valid))
    (call $put-valid)
    (call $put-text (global.get $validate-output))
    (call $put-valid)
    (call $put-text (global.get $validate-category))
    (call $put-category (local.get $category) (local.get $category-end))
    (call $put-text (global.get $validate-branch))
    (call $put-text (call $branch (local.get $category) (local.get $category-end)))
    (call $put-text (global.get $validate-after))
    (call $answer))

  ;; Tells people about the article: now, or, where `batch` is a time and not 0, with the digest of that time.
  (func $notify (param $call i32) (param $article i32) (param $batch i32) (result i64)
    (local $channel i32)
    (local $subject i32) (local $subject-end i32)
    (local $text i32) (local $text-end i32)
    (local $url i32) (local $url-end i32)
    (local.set $channel
      (call $member (call $member (local.get $call) (global.get $key-config)) (global.get $key-channel)))
    (call $subject (local.get $article))
    (local.set $subject-end) (local.set $subject)
    (call $decode (call $member (local.get $article) (global.get $key-url)))
    (local.set $url-end) (local.set $url)
    (call $read-body (call $decode (call $member (local.get $article) (global.get $key-content))))
    (call $body-text)
    (local.set $text-end) (local.set $text)

    (call $begin-answer)
    (call $put-text (global.get $notify-subject))
    (call $put-escaped (local.get $subject) (local.get $subject-end))
    (call $put-text (global.get $notify-text))
    (call $put-excerpt (local.get $text) (local.get $text-end))
    (call $put-text (global.get $quote-text))
    (if (call $is-string (local.get $channel))
      (then
        (call $put-text (global.get $notify-channel))
        (call $put-value (local.get $channel))))
    (if (i32.ne (local.get $url) (local.get $url-end))
      (then
        (call $put-text (global.get $notify-url))
        (call $put-escaped (local.get $url) (local.get $url-end))
        (call $put-text (global.get $quote-text))))
    (if (local.get $batch)
      (then
        (call $put-text (global.get $notify-batch))
        (call $put-value (local.get $batch))))
    (call $put-text (global.get $notify-after))
    (call $answer))

  ;; Adds the article to the digest that the wait was for, unless it has been taken back meanwhile.
  (func $digest (param $call i32) (param $article i32) (result i64)
    (local $status i32)
    (local $at i32)
    (local.set $status
      (call $member (call $member (local.get $call) (global.get $key-current)) (global.get $key-status)))
    (if (i32.eqz (call $is (local.get $status) (global.get $published)))
      (then (return (call $nothing))))
    (local.set $at (call $member (local.get $call) (global.get $key-input)))
    (local.set $at (call $member (local.get $at) (global.get $node-wait)))
    (local.set $at (call $member (local.get $at) (global.get $key-output)))
    (local.set $at (call $member (local.get $at) (global.get $key-at)))
    (if (i32.eqz (call $is-string (local.get $at)))
      (then (return (call $fail (global.get $no-time) (i32.const 0)))))
    (call $notify (local.get $call) (local.get $article) (local.get $at)))

  ;; An Outcome that asks for nothing.
  (func $nothing (result i64)
    (call $begin-answer)
    (call $put-text (global.get $empty-outcome))
    (call $answer))

  ;; A failure that no other attempt would mend: what is wrong, and the string that it is about, or 0.
  (func $fail (param $message i32) (param $about i32) (result i64)
    (local $start i32) (local $end i32)
    (call $decode (local.get $about))
    (local.set $end) (local.set $start)
    (call $begin-answer)
    (call $put-text (global.get $fatal-before))
    (call $put-text (local.get $message))
    (call $put-escaped (local.get $start) (local.get $end))
    (call $put-text (global.get $fatal-after))
    (call $answer))

  ;; The first of name, slug and id that says something, as a slice.
  (func $subject (param $article i32) (result i32 i32)
    (local $start i32) (local $end i32)
    (call $trim (call $decode (call $member (local.get $article) (global.get $key-name))))
    (local.set $end) (local.set $start)
    (if (i32.eq (local.get $start) (local.get $end))
      (then
        (call $trim (call $decode (call $member (local.get $article) (global.get $key-slug))))
        (local.set $end) (local.set $start)))
    (if (i32.eq (local.get $start) (local.get $end))
      (then
        (call $trim (call $decode (call $member (local.get $article) (global.get $key-id))))
        (local.set $end) (local.set $start)))
    (if (i32.eq (local.get $start) (local.get $end))
      (then (return (call $slice (global.get $untitled)))))
    (local.get $start) (local.get $end))

  ;; The category.

  ;; The category field, else the first hashtag, else nothing: a slice, empty where there is none.
  (func $category (param $article i32) (result i32 i32)
    (local $start i32) (local $end i32)
    (local $tag i32)
    (call $plain-category (call $decode (call $member (local.get $article) (global.get $key-category))))
    (local.set $end) (local.set $start)
    (if (i32.ne (local.get $start) (local.get $end))
      (then (return (local.get $start) (local.get $end))))
    (local.set $tag (call $first-item (call $member (local.get $article) (global.get $key-tag))))
    (block $none
      (loop $next
        (br_if $none (i32.eqz (local.get $tag)))
        (if (call $is (call $member (local.get $tag) (global.get $key-type)) (global.get $hashtag))
          (then
            (return (call $plain-category (call $decode (call $member (local.get $tag) (global.get $key-name)))))))
        (local.set $tag (call $next-item (local.get $tag)))
        (br $next)))
    (i32.const 0) (i32.const 0))

  ;; A category without its blanks and its signs `#`, its letters from A to Z in lower case, in place. Other letters
  ;; would need tables, and no branch has any.
  (func $plain-category (param $start i32) (param $end i32) (result i32 i32)
    (local $at i32)
    (call $trim (local.get $start) (local.get $end))
    (local.set $end) (local.set $start)
    (local.set $start (call $trim-start (local.get $start) (local.get $end) (global.get $hash)))
    (call $trim (local.get $start) (local.get $end))
    (local.set $end) (local.set $start)
    (local.set $at (local.get $start))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (i32.store8 (local.get $at) (call $lower (i32.load8_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $start) (local.get $end))

  ;; The branch to take, as a text. An article that says nothing is never urgent.
  (func $branch (param $category i32) (param $category-end i32) (result i32)
    (if (call $spells (local.get $category) (local.get $category-end) (global.get $urgent))
      (then (return (global.get $urgent))))
    (if (call $spells (local.get $category) (local.get $category-end) (global.get $newsletter))
      (then (return (global.get $newsletter))))
    (global.get $other))

  (func $put-category (param $start i32) (param $end i32)
    (if (i32.eq (local.get $start) (local.get $end))
      (then (call $put-text (global.get $null)) (return)))
    (call $put-text (global.get $quote-text))
    (call $put-escaped (local.get $start) (local.get $end))
    (call $put-text (global.get $quote-text)))

  ;; The findings. Each check writes what it finds to the answer, in the order of title, slug, body, and its links and
  ;; images.

  ;; Whether nothing that was found so far is an error.
  (global $valid (mut i32) (i32.const 1))
  ;; How much was found so far.
  (global $found (mut i32) (i32.const 0))

  ;; Writes a finding: its severity, then its field, its rule and how its message begins, which are one text; then the
  ;; slice that it is about, and how its message ends.
  (func $finding (param $severity i32) (param $before i32) (param $start i32) (param $end i32) (param $after i32)
    (if (global.get $found)
      (then (call $put-text (global.get $comma-text))))
    (global.set $found (i32.add (global.get $found) (i32.const 1)))
    (call $put-text (global.get $finding-before))
    (call $put-text (local.get $severity))
    (call $put-text (local.get $before))
    (call $put-escaped (local.get $start) (local.get $end))
    (call $put-text (local.get $after))
    (call $put-text (global.get $finding-after)))

  (func $error (param $before i32) (param $start i32) (param $end i32) (param $after i32)
    (global.set $valid (i32.const 0))
    (call $finding
      (global.get $severity-error)
      (local.get $before) (local.get $start) (local.get $end) (local.get $after)))

  (func $warning (param $before i32) (param $start i32) (param $end i32) (param $after i32)
    (call $finding
      (global.get $severity-warning)
      (local.get $before) (local.get $start) (local.get $end) (local.get $after)))

  ;; An error whose message is about nothing in particular.
  (func $plain-error (param $message i32)
    (call $error (local.get $message) (i32.const 0) (i32.const 0) (i32.const 0)))

  (func $put-valid
    (call $put-text (select (global.get $true) (global.get $false) (global.get $valid))))

  ;; A title is there, and not longer than most that show it can show.
  (func $check-title (param $start i32) (param $end i32)
    (if (call $is-blank (local.get $start) (local.get $end))
      (then (call $plain-error (global.get $title-required)) (return)))
    (if (i32.gt_u (call $count-chars (local.get $start) (local.get $end)) (global.get $title-chars))
      (then (call $warning (global.get $title-length) (i32.const 0) (i32.const 0) (i32.const 0)))))

  (func $check-slug (param $start i32) (param $end i32)
    (if (i32.eq (local.get $start) (local.get $end))
      (then (call $plain-error (global.get $slug-required)) (return)))
    (if (i32.eqz (call $is-slug (local.get $start) (local.get $end)))
      (then
        (call $error
          (global.get $slug-format) (local.get $start) (local.get $end) (global.get $slug-format-after)))))

  ;; Whether each byte is a to z, 0 to 9, or a hyphen between two of those.
  (func $is-slug (param $start i32) (param $end i32) (result i32)
    (local $byte i32)
    ;; The start counts as a hyphen, so that none may follow it.
    (local $after-hyphen i32)
    (local.set $after-hyphen (i32.const 1))
    (loop $next
      (local.set $byte (i32.load8_u (local.get $start)))
      (if (i32.eq (local.get $byte) (global.get $hyphen))
        (then
          (if (local.get $after-hyphen)
            (then (return (i32.const 0))))
          (local.set $after-hyphen (i32.const 1)))
        (else
          (if (i32.eqz (i32.or (call $is-lower (local.get $byte)) (call $is-digit (local.get $byte))))
            (then (return (i32.const 0))))
          (local.set $after-hyphen (i32.const 0))))
      (local.set $start (i32.add (local.get $start) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $start) (local.get $end))))
    (i32.eqz (local.get $after-hyphen)))

  ;; A body says something, or shows an image.
  (func $check-body
    (local $piece i32)
    (local $kind i32)
    (local.set $piece (global.get $first-piece))
    (block $empty
      (loop $next
        (br_if $empty (i32.eqz (local.get $piece)))
        (local.set $kind (call $kind (local.get $piece)))
        (if (i32.eq (local.get $kind) (global.get $image))
          (then (return)))
        (if (i32.or (i32.eq (local.get $kind) (global.get $prose)) (i32.eq (local.get $kind) (global.get $code)))
          (then
            (if (i32.eqz (call $is-blank (call $piece-slice (local.get $piece))))
              (then (return)))))
        (local.set $piece (call $next-piece (local.get $piece)))
        (br $next)))
    (call $plain-error (global.get $body-required)))

  (func $check-pieces
    (local $piece i32)
    (local $kind i32)
    (local.set $piece (global.get $first-piece))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $piece)))
        (local.set $kind (call $kind (local.get $piece)))
        (if (i32.eq (local.get $kind) (global.get $link))
          (then (call $check-link (call $piece-slice (local.get $piece)))))
        (if (i32.eq (local.get $kind) (global.get $image))
          (then
            (call $check-image (call $piece-slice (local.get $piece)) (call $piece-alt (local.get $piece)))))
        (if (i32.eq (local.get $kind) (global.get $prose))
          (then (call $check-prose (call $piece-slice (local.get $piece)))))
        (local.set $piece (call $next-piece (local.get $piece)))
        (br $next))))

  (func $check-link (param $start i32) (param $end i32)
    (local $flaw i32)
    (local.set $flaw (call $flaw (local.get $start) (local.get $end)))
    (if (i32.eq (local.get $flaw) (global.get $empty))
      (then (call $plain-error (global.get $link-empty))))
    (if (i32.eq (local.get $flaw) (global.get $malformed))
      (then
        (call $error
          (global.get $link-malformed) (local.get $start) (local.get $end) (global.get $link-malformed-after))))
    (if (i32.eq (local.get $flaw) (global.get $relative))
      (then
        (call $warning
          (global.get $link-relative) (local.get $start) (local.get $end) (global.get $link-relative-after)))))

  (func $check-image (param $start i32) (param $end i32) (param $alt i32) (param $alt-end i32)
    (local $flaw i32)
    (local.set $flaw (call $flaw (local.get $start) (local.get $end)))
    (if (i32.or
          (i32.eq (local.get $flaw) (global.get $empty))
          (i32.eq (local.get $flaw) (global.get $malformed)))
      (then
        (call $error
          (global.get $image-source) (local.get $start) (local.get $end) (global.get $image-source-after))
        (return)))
    ;; An image without the attribute has an empty slice for it, which is blank, too.
    (if (call $is-blank (local.get $alt) (local.get $alt-end))
      (then
        (call $warning (global.get $image-alt) (local.get $start) (local.get $end) (global.get $image-alt-after)))))

  ;; Markdown leaves the signs of a link that it could not read in the text: `](`. What is shown of it begins at the
  ;; last `[` before them.
  (func $check-prose (param $start i32) (param $end i32)
    (local $at i32)
    (local $from i32)
    (local $to i32)
    (local $chars i32)
    (local.set $at (local.get $start))
    (local.set $from (i32.const 0))
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end))
        (then (return)))
      (if (i32.eq (i32.load8_u (local.get $at)) (global.get $open-bracket))
        (then (local.set $from (local.get $at))))
      (if (i32.eqz (call $begins (local.get $at) (local.get $end) (global.get $link-signs)))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (if (i32.eqz (local.get $from))
      (then (local.set $from (local.get $at))))
    (local.set $to (local.get $from))
    (block $cut
      (loop $next
        (br_if $cut (i32.ge_u (local.get $to) (local.get $end)))
        (br_if $cut (i32.eq (local.get $chars) (global.get $shown-chars)))
        (local.set $to (call $after-char (local.get $to)))
        (local.set $chars (i32.add (local.get $chars) (i32.const 1)))
        (br $next)))
    (call $error (global.get $link-syntax) (call $trim (local.get $from) (local.get $to)) (i32.const 0)))

  ;; Addresses.

  ;; What is wrong with where a link goes, if anything is.
  (global $sound i32 (i32.const 0))
  (global $empty i32 (i32.const 1))
  (global $malformed i32 (i32.const 2))
  (global $relative i32 (i32.const 3))

  ;; Looks at an address as RFC 3986 §3 splits it, as far as that tells a slip from a choice.
  (func $flaw (param $start i32) (param $end i32) (result i32)
    (local $colon i32)
    (local $rest i32)
    (call $trim (local.get $start) (local.get $end))
    (local.set $end) (local.set $start)
    (if (i32.eq (local.get $start) (local.get $end))
      (then (return (global.get $empty))))
    (if (i32.eq (i32.load8_u (local.get $start)) (global.get $hash))
      (then
        ;; A place on the page, or, alone, none.
        (return
          (select
            (global.get $empty)
            (global.get $sound)
            (i32.eq (i32.sub (local.get $end) (local.get $start)) (i32.const 1))))))
    (if (call $holds-odd-chars (local.get $start) (local.get $end))
      (then (return (global.get $malformed))))
    (local.set $colon (call $find (local.get $start) (local.get $end) (global.get $colon)))
    (if (i32.eq (local.get $colon) (local.get $end))
      (then (return (global.get $relative))))
    (if (i32.eqz (call $is-scheme (local.get $start) (local.get $colon)))
      (then (return (global.get $relative))))
    (local.set $rest (i32.add (local.get $colon) (i32.const 1)))
    (select
      (global.get $sound)
      (global.get $malformed)
      (call $is-well-formed (local.get $start) (local.get $colon) (local.get $rest) (local.get $end))))

  ;; Whether an address, given as scheme and rest, is one that the scheme knows.
  (func $is-well-formed (param $scheme i32) (param $scheme-end i32) (param $rest i32) (param $end i32) (result i32)
    (local $at i32)
    (if (i32.or
          (call $spells (local.get $scheme) (local.get $scheme-end) (global.get $http))
          (call $spells (local.get $scheme) (local.get $scheme-end) (global.get $https)))
      (then
        (if (i32.eqz (call $begins (local.get $rest) (local.get $end) (global.get $slashes)))
          (then (return (i32.const 0))))
        (return (call $has-host (i32.add (local.get $rest) (i32.const 2)) (local.get $end)))))
    (if (call $spells (local.get $scheme) (local.get $scheme-end) (global.get $mailto))
      (then
        ;; A name before the sign, a host after it.
        (local.set $at (call $find (local.get $rest) (local.get $end) (global.get $at-sign)))
        (return
          (i32.and
            (i32.gt_u (local.get $at) (local.get $rest))
            (i32.lt_u (i32.add (local.get $at) (i32.const 1)) (local.get $end))))))
    (i32.lt_u (local.get $rest) (local.get $end)))

  ;; Whether a slice is a letter, then letters, digits and `+-.`.
  (func $is-scheme (param $start i32) (param $end i32) (result i32)
    (local $byte i32)
    (if (i32.eq (local.get $start) (local.get $end))
      (then (return (i32.const 0))))
    (if (i32.eqz (call $is-lower (call $lower (i32.load8_u (local.get $start)))))
      (then (return (i32.const 0))))
    (loop $next
      (local.set $byte (i32.load8_u (local.get $start)))
      (if (i32.eqz
            (i32.or
              (i32.or (call $is-lower (call $lower (local.get $byte))) (call $is-digit (local.get $byte)))
              (call $is-one-of (local.get $byte) (global.get $scheme-signs))))
        (then (return (i32.const 0))))
      (local.set $start (i32.add (local.get $start) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $start) (local.get $end))))
    (i32.const 1))

  ;; Whether what follows `//` begins with a host: not empty, and no empty label in it.
  (func $has-host (param $start i32) (param $end i32) (result i32)
    (local $at i32)
    ;; The authority ends where path, query or fragment begin, and a user may stand before its last `@`.
    (local.set $end (call $find (local.get $start) (local.get $end) (global.get $slash)))
    (local.set $end (call $find (local.get $start) (local.get $end) (global.get $question-mark)))
    (local.set $end (call $find (local.get $start) (local.get $end) (global.get $hash)))
    (loop $next
      (local.set $at (call $find (local.get $start) (local.get $end) (global.get $at-sign)))
      (if (i32.ne (local.get $at) (local.get $end))
        (then
          (local.set $start (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (if (i32.eq (local.get $start) (local.get $end))
      (then (return (i32.const 0))))
    ;; An address of IPv6 stands in brackets.
    (if (i32.eq (i32.load8_u (local.get $start)) (global.get $open-bracket))
      (then
        (return
          (i32.ne
            (call $find (local.get $start) (local.get $end) (global.get $close-bracket))
            (local.get $end)))))
    (local.set $end (call $find (local.get $start) (local.get $end) (global.get $colon)))
    (local.set $end (call $trim-end (local.get $start) (local.get $end) (global.get $dot)))
    (loop $next
      (local.set $at (call $find (local.get $start) (local.get $end) (global.get $dot)))
      (if (i32.eq (local.get $at) (local.get $start))
        (then (return (i32.const 0))))
      (local.set $start (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (i32.const 1))

  ;; Whether a slice holds a character that no address has: a space, a control character or one of $odd-chars.
  (func $holds-odd-chars (param $start i32) (param $end i32) (result i32)
    (local $char i32)
    (loop $next
      (local.set $char (call $char (local.get $start)))
      (if (i32.or
            (i32.or (call $is-space (local.get $char)) (call $is-control (local.get $char)))
            (call $is-one-of (local.get $char) (global.get $odd-chars)))
        (then (return (i32.const 1))))
      (local.set $start (call $after-char (local.get $start)))
      (br_if $next (i32.lt_u (local.get $start) (local.get $end))))
    (i32.const 0))

  ;; The body. The host rendered and sanitized the body, so its HTML is well formed: this is a scanner of tags, not a
  ;; parser of whatever the web may hold. Of what it does not understand it makes text, never a failure.
  ;;
  ;; The body becomes a list of pieces, each a record of six words: the next piece, its kind, a slice, and another one
  ;; for what an image shows.

  ;; Text between tags, entities resolved.
  (global $prose i32 (i32.const 1))
  ;; Text inside `code` or `pre`.
  (global $code i32 (i32.const 2))
  ;; Where an `a` goes.
  (global $link i32 (i32.const 3))
  ;; An `img`: its source, and the text that stands for it.
  (global $image i32 (i32.const 4))
  ;; The start or end of any other element that is not part of a line of text.
  (global $break i32 (i32.const 5))

  (global $first-piece (mut i32) (i32.const 0))
  (global $last-piece (mut i32) (i32.const 0))
  ;; How many `code` and `pre` are open.
  (global $code-depth (mut i32) (i32.const 0))

  (func $next-piece (param $piece i32) (result i32)
    (i32.load (local.get $piece)))

  (func $kind (param $piece i32) (result i32)
    (i32.load offset=4 (local.get $piece)))

  (func $piece-slice (param $piece i32) (result i32 i32)
    (i32.load offset=8 (local.get $piece))
    (i32.load offset=12 (local.get $piece)))

  (func $piece-alt (param $piece i32) (result i32 i32)
    (i32.load offset=16 (local.get $piece))
    (i32.load offset=20 (local.get $piece)))

  ;; Appends a piece to the list.
  (func $push-piece
    (param $kind i32) (param $start i32) (param $end i32) (param $alt i32) (param $alt-end i32)
    (local $piece i32)
    (local.set $piece (call $take (i32.const 24)))
    (i32.store (local.get $piece) (i32.const 0))
    (i32.store offset=4 (local.get $piece) (local.get $kind))
    (i32.store offset=8 (local.get $piece) (local.get $start))
    (i32.store offset=12 (local.get $piece) (local.get $end))
    (i32.store offset=16 (local.get $piece) (local.get $alt))
    (i32.store offset=20 (local.get $piece) (local.get $alt-end))
    (if (global.get $last-piece)
      (then (i32.store (global.get $last-piece) (local.get $piece)))
      (else (global.set $first-piece (local.get $piece))))
    (global.set $last-piece (local.get $piece)))

  ;; Splits a body into pieces.
  (func $read-body (param $start i32) (param $end i32)
    (local $tag i32)
    (local $tag-end i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $start) (local.get $end)))
        (local.set $tag (call $find (local.get $start) (local.get $end) (global.get $less)))
        (call $push-text (local.get $start) (local.get $tag))
        (local.set $tag-end (call $find-tag-end (local.get $tag) (local.get $end)))
        ;; A tag that does not end is text.
        (if (i32.eq (local.get $tag-end) (local.get $end))
          (then
            (call $push-text (local.get $tag) (local.get $end))
            (return)))
        (call $read-tag (i32.add (local.get $tag) (i32.const 1)) (local.get $tag-end))
        (local.set $start (i32.add (local.get $tag-end) (i32.const 1)))
        (br $next))))

  ;; Where the tag that begins here has its `>`, or the end. One in a quoted attribute does not end it.
  (func $find-tag-end (param $at i32) (param $end i32) (result i32)
    (local $byte i32)
    (block $found
      (loop $next
        (br_if $found (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $byte (i32.load8_u (local.get $at)))
        (br_if $found (i32.eq (local.get $byte) (global.get $greater)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (if (i32.or
              (i32.eq (local.get $byte) (global.get $quote))
              (i32.eq (local.get $byte) (global.get $apostrophe)))
          (then
            (local.set $at (call $find (local.get $at) (local.get $end) (local.get $byte)))
            (br_if $found (i32.eq (local.get $at) (local.get $end)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))))
        (br $next)))
    (local.get $at))

  ;; Makes pieces of what stands between `<` and `>`.
  (func $read-tag (param $start i32) (param $end i32)
    (local $closes i32)
    (local $name-end i32)
    (local $source i32) (local $source-end i32)
    (local.set $closes (call $begins (local.get $start) (local.get $end) (global.get $slash-text)))
    (local.set $start (call $trim-start (local.get $start) (local.get $end) (global.get $slash)))
    (local.set $end (call $trim-end (local.get $start) (local.get $end) (global.get $slash)))
    (local.set $name-end (call $find-space (local.get $start) (local.get $end)))

    (if (i32.or
          (call $spells (local.get $start) (local.get $name-end) (global.get $tag-code))
          (call $spells (local.get $start) (local.get $name-end) (global.get $tag-pre)))
      (then (call $enter-code (local.get $closes))))
    (if (i32.and
          (call $spells (local.get $start) (local.get $name-end) (global.get $tag-a))
          (i32.eqz (local.get $closes)))
      (then
        (call $attribute (local.get $name-end) (local.get $end) (global.get $attribute-href))
        (local.set $source-end) (local.set $source)
        (if (local.get $source)
          (then
            (call $push-piece
              (global.get $link) (local.get $source) (local.get $source-end) (i32.const 0) (i32.const 0))))))
    (if (call $spells (local.get $start) (local.get $name-end) (global.get $tag-img))
      (then
        (call $push-piece
          (global.get $image)
          (call $attribute (local.get $name-end) (local.get $end) (global.get $attribute-src))
          (call $attribute (local.get $name-end) (local.get $end) (global.get $attribute-alt)))))
    (if (i32.eqz (call $is-inline (local.get $start) (local.get $name-end)))
      (then
        (call $push-piece
          (global.get $break) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))))

  ;; Counts the elements of code that are open. One that closes and never opened counts for nothing.
  (func $enter-code (param $closes i32)
    (if (i32.eqz (local.get $closes))
      (then (global.set $code-depth (i32.add (global.get $code-depth) (i32.const 1))))
      (else
        (if (global.get $code-depth)
          (then (global.set $code-depth (i32.sub (global.get $code-depth) (i32.const 1))))))))

  ;; Whether an element stands within a line of text.
  (func $is-inline (param $name i32) (param $name-end i32) (result i32)
    (local $listed i32)
    (local.set $listed (global.get $inline-tags))
    (loop $next
      (if (call $spells (local.get $name) (local.get $name-end) (local.get $listed))
        (then (return (i32.const 1))))
      ;; Over the name and its zero byte to the next one; an empty one ends the list.
      (local.set $listed (i32.add (call $text-end (local.get $listed)) (i32.const 1)))
      (br_if $next (i32.load8_u (local.get $listed))))
    (i32.const 0))

  ;; Appends text, to the text before it if there is some, since an inline tag ends no sentence. That text is then the
  ;; last thing that was allocated, so what is unescaped now lies right after it.
  (func $push-text (param $start i32) (param $end i32)
    (local $kind i32)
    (if (i32.eq (local.get $start) (local.get $end))
      (then (return)))
    (local.set $kind (select (global.get $code) (global.get $prose) (global.get $code-depth)))
    (if (i32.eqz (call $last-is (local.get $kind)))
      (then
        (call $push-piece (local.get $kind) (global.get $heap) (global.get $heap) (i32.const 0) (i32.const 0))
        (i32.store offset=8 (global.get $last-piece) (global.get $heap))))
    (call $unescape (local.get $start) (local.get $end))
    (i32.store offset=12 (global.get $last-piece) (global.get $heap)))

  (func $last-is (param $kind i32) (result i32)
    (if (i32.eqz (global.get $last-piece))
      (then (return (i32.const 0))))
    (i32.eq (call $kind (global.get $last-piece)) (local.get $kind)))

  ;; The value of an attribute, entities resolved, as a slice; two zeros where there is none.
  (func $attribute (param $start i32) (param $end i32) (param $wanted i32) (result i32 i32)
    (local $name-end i32)
    (local $value i32) (local $value-end i32)
    (local $after i32)
    (local $unescaped i32)
    (block $none
      (loop $next
        (local.set $start (call $skip-space (local.get $start) (local.get $end)))
        (br_if $none (i32.ge_u (local.get $start) (local.get $end)))
        (local.set $name-end (call $find-space (local.get $start) (local.get $end)))
        (local.set $name-end (call $find (local.get $start) (local.get $name-end) (global.get $equals)))
        (call $attribute-value (call $skip-space (local.get $name-end) (local.get $end)) (local.get $end))
        (local.set $after) (local.set $value-end) (local.set $value)
        (if (call $spells (local.get $start) (local.get $name-end) (local.get $wanted))
          (then
            (local.set $unescaped (global.get $heap))
            (call $unescape (local.get $value) (local.get $value-end))
            (return (local.get $unescaped) (global.get $heap))))
        (local.set $start (local.get $after))
        (br $next)))
    (i32.const 0) (i32.const 0))

  ;; Splits an attribute's value, if it has one, off what follows its name: its slice, and where it is over.
  (func $attribute-value (param $at i32) (param $end i32) (result i32 i32 i32)
    (local $quote i32)
    (local $value-end i32)
    (if (i32.eqz (call $begins (local.get $at) (local.get $end) (global.get $equals-text)))
      (then (return (local.get $at) (local.get $at) (local.get $at))))
    (local.set $at (call $skip-space (i32.add (local.get $at) (i32.const 1)) (local.get $end)))
    (if (i32.ge_u (local.get $at) (local.get $end))
      (then (return (local.get $at) (local.get $at) (local.get $at))))
    (local.set $quote (i32.load8_u (local.get $at)))
    (if (i32.or
          (i32.eq (local.get $quote) (global.get $quote))
          (i32.eq (local.get $quote) (global.get $apostrophe)))
      (then
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $value-end (call $find (local.get $at) (local.get $end) (local.get $quote)))
        (return
          (local.get $at)
          (local.get $value-end)
          ;; Over the quote, where there is one.
          (i32.add (local.get $value-end) (i32.lt_u (local.get $value-end) (local.get $end))))))
    (local.set $value-end (call $find-space (local.get $at) (local.get $end)))
    (local.get $at) (local.get $value-end) (local.get $value-end))

  ;; Appends a slice to what was allocated last, with the entities resolved that an HTML serializer writes (HTML §13.3),
  ;; and numeric ones.
  (func $unescape (param $start i32) (param $end i32)
    (local $char i32)
    (local $after i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $start) (local.get $end)))
        (if (i32.eq (i32.load8_u (local.get $start)) (global.get $ampersand))
          (then
            (call $entity (local.get $start) (local.get $end))
            (local.set $after) (local.set $char)
            (if (local.get $after)
              (then
                (call $push-char (local.get $char))
                (local.set $start (local.get $after))
                (br $next)))))
        (call $push-byte (i32.load8_u (local.get $start)))
        (local.set $start (i32.add (local.get $start) (i32.const 1)))
        (br $next))))

  ;; The character of the entity that begins here, and where it is over: 0 where it is none.
  (func $entity (param $start i32) (param $end i32) (result i32 i32)
    (if (call $begins (local.get $start) (local.get $end) (global.get $entity-amp))
      (then (return (global.get $ampersand) (i32.add (local.get $start) (i32.const 5)))))
    (if (call $begins (local.get $start) (local.get $end) (global.get $entity-lt))
      (then (return (global.get $less) (i32.add (local.get $start) (i32.const 4)))))
    (if (call $begins (local.get $start) (local.get $end) (global.get $entity-gt))
      (then (return (global.get $greater) (i32.add (local.get $start) (i32.const 4)))))
    (if (call $begins (local.get $start) (local.get $end) (global.get $entity-quot))
      (then (return (global.get $quote) (i32.add (local.get $start) (i32.const 6)))))
    (if (call $begins (local.get $start) (local.get $end) (global.get $entity-nbsp))
      (then (return (i32.const 0xa0) (i32.add (local.get $start) (i32.const 6)))))
    (if (call $begins (local.get $start) (local.get $end) (global.get $entity-numeric))
      (then (return (call $numeric-entity (i32.add (local.get $start) (i32.const 2)) (local.get $end)))))
    (i32.const 0) (i32.const 0))

  ;; The same for what follows `&#`: digits, or `x` and hexadecimal ones, and a semicolon.
  (func $numeric-entity (param $at i32) (param $end i32) (result i32 i32)
    (local $base i32)
    (local $digit i32)
    (local $digits i32)
    (local $char i32)
    (local.set $base (i32.const 10))
    (if (i32.or
          (call $begins (local.get $at) (local.get $end) (global.get $x-text))
          (call $begins (local.get $at) (local.get $end) (global.get $capital-x-text)))
      (then
        (local.set $base (i32.const 16))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))))
    (if (call $begins (local.get $at) (local.get $end) (global.get $plus-text))
      (then (local.set $at (i32.add (local.get $at) (i32.const 1)))))
    (block $none
      (loop $next
        (br_if $none (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $digit (call $digit (i32.load8_u (local.get $at))))
        (if (i32.lt_u (local.get $digit) (local.get $base))
          (then
            (local.set $char (i32.add (i32.mul (local.get $char) (local.get $base)) (local.get $digit)))
            (local.set $digits (i32.const 1))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            ;; Said at each digit, so that the number cannot wrap around.
            (br_if $none (i32.gt_u (local.get $char) (i32.const 0x10ffff)))
            (br $next))))
      (br_if $none (i32.ne (i32.load8_u (local.get $at)) (global.get $semicolon)))
      (br_if $none (i32.eqz (local.get $digits)))
      ;; Halves of a pair of UTF-16 are no characters.
      (br_if $none (i32.eq (i32.and (local.get $char) (i32.const 0xfffff800)) (i32.const 0xd800)))
      (return (local.get $char) (i32.add (local.get $at) (i32.const 1))))
    (i32.const 0) (i32.const 0))

  ;; All text of the body, with a space where an element ends a line, as a slice.
  (func $body-text (result i32 i32)
    (local $start i32)
    (local $piece i32)
    (local $kind i32)
    (local.set $start (global.get $heap))
    (local.set $piece (global.get $first-piece))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $piece)))
        (local.set $kind (call $kind (local.get $piece)))
        (if (i32.or (i32.eq (local.get $kind) (global.get $prose)) (i32.eq (local.get $kind) (global.get $code)))
          (then (call $put (call $piece-slice (local.get $piece)))))
        (if (i32.eq (local.get $kind) (global.get $break))
          (then (call $push-byte (i32.const 0x20))))
        (local.set $piece (call $next-piece (local.get $piece)))
        (br $next)))
    (local.get $start) (global.get $heap))

  ;; Writes the first characters of a text to the answer, on one line, cut at a word.
  (func $put-excerpt (param $start i32) (param $end i32)
    (local $word-end i32)
    (local $taken i32)
    (local $goes-on i32)
    (block $done
      (loop $next
        (local.set $start (call $skip-space (local.get $start) (local.get $end)))
        (br_if $done (i32.ge_u (local.get $start) (local.get $end)))
        (local.set $word-end (call $find-space (local.get $start) (local.get $end)))
        (local.set $taken (i32.add (local.get $taken) (i32.const 1)))
        (local.set $taken
          (i32.add (local.get $taken) (call $count-chars (local.get $start) (local.get $word-end))))
        (if (i32.gt_u (local.get $taken) (global.get $excerpt-chars))
          (then
            (call $put-text (global.get $ellipsis))
            (return)))
        (if (local.get $goes-on)
          (then (call $push-byte (i32.const 0x20))))
        (local.set $goes-on (i32.const 1))
        (call $put-escaped (local.get $start) (local.get $word-end))
        (local.set $start (local.get $word-end))
        (br $next))))

  ;; Characters and slices.

  ;; Whether a slice is the text, which is in lower case; letters of the slice from A to Z count as lower ones.
  (func $spells (param $start i32) (param $end i32) (param $text i32) (result i32)
    (block $differs
      (loop $next
        (if (i32.ge_u (local.get $start) (local.get $end))
          (then (return (i32.eqz (i32.load8_u (local.get $text))))))
        (br_if $differs
          (i32.ne (call $lower (i32.load8_u (local.get $start))) (i32.load8_u (local.get $text))))
        (local.set $start (i32.add (local.get $start) (i32.const 1)))
        (local.set $text (i32.add (local.get $text) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; Whether a slice begins with the text.
  (func $begins (param $start i32) (param $end i32) (param $text i32) (result i32)
    (block $differs
      (loop $next
        (if (i32.eqz (i32.load8_u (local.get $text)))
          (then (return (i32.const 1))))
        (br_if $differs (i32.ge_u (local.get $start) (local.get $end)))
        (br_if $differs (i32.ne (i32.load8_u (local.get $start)) (i32.load8_u (local.get $text))))
        (local.set $start (i32.add (local.get $start) (i32.const 1)))
        (local.set $text (i32.add (local.get $text) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; Whether a slice holds nothing but spaces.
  (func $is-blank (param $start i32) (param $end i32) (result i32)
    (i32.eq (call $skip-space (local.get $start) (local.get $end)) (local.get $end)))

  ;; A slice without the spaces at both ends.
  (func $trim (param $start i32) (param $end i32) (result i32 i32)
    (local $last i32)
    (local.set $start (call $skip-space (local.get $start) (local.get $end)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $start) (local.get $end)))
        (local.set $last (call $before-char (local.get $end)))
        (br_if $done (i32.eqz (call $is-space (call $char (local.get $last)))))
        (local.set $end (local.get $last))
        (br $next)))
    (local.get $start) (local.get $end))

  ;; Where a slice begins, without this byte at its start, however often it stands there.
  (func $trim-start (param $start i32) (param $end i32) (param $byte i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $start) (local.get $end)))
        (br_if $done (i32.ne (i32.load8_u (local.get $start)) (local.get $byte)))
        (local.set $start (i32.add (local.get $start) (i32.const 1)))
        (br $next)))
    (local.get $start))

  ;; Where a slice ends, without this byte at its end, however often it stands there.
  (func $trim-end (param $start i32) (param $end i32) (param $byte i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $start) (local.get $end)))
        (br_if $done (i32.ne (i32.load8_u (i32.sub (local.get $end) (i32.const 1))) (local.get $byte)))
        (local.set $end (i32.sub (local.get $end) (i32.const 1)))
        (br $next)))
    (local.get $end))

  ;; Where the first such byte of a slice is, or its end.
  (func $find (param $start i32) (param $end i32) (param $byte i32) (result i32)
    (block $found
      (loop $next
        (br_if $found (i32.ge_u (local.get $start) (local.get $end)))
        (br_if $found (i32.eq (i32.load8_u (local.get $start)) (local.get $byte)))
        (local.set $start (i32.add (local.get $start) (i32.const 1)))
        (br $next)))
    (local.get $start))

  ;; Where the first space of a slice is, or its end.
  (func $find-space (param $start i32) (param $end i32) (result i32)
    (block $found
      (loop $next
        (br_if $found (i32.ge_u (local.get $start) (local.get $end)))
        (br_if $found (call $is-space (call $char (local.get $start))))
        (local.set $start (call $after-char (local.get $start)))
        (br $next)))
    (local.get $start))

  ;; Where the first character of a slice is that is no space, or its end.
  (func $skip-space (param $start i32) (param $end i32) (result i32)
    (block $found
      (loop $next
        (br_if $found (i32.ge_u (local.get $start) (local.get $end)))
        (br_if $found (i32.eqz (call $is-space (call $char (local.get $start)))))
        (local.set $start (call $after-char (local.get $start)))
        (br $next)))
    (local.get $start))

  ;; How many characters a slice has: bytes that do not go on with one.
  (func $count-chars (param $start i32) (param $end i32) (result i32)
    (local $chars i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $start) (local.get $end)))
        (local.set $chars
          (i32.add (local.get $chars) (i32.eqz (call $goes-on (i32.load8_u (local.get $start))))))
        (local.set $start (i32.add (local.get $start) (i32.const 1)))
        (br $next)))
    (local.get $chars))

  ;; The character that begins here (RFC 3629 §3): the first byte tells how many follow, each holds six more bits.
  (func $char (param $at i32) (result i32)
    (local $byte i32)
    (local.set $byte (i32.load8_u (local.get $at)))
    (if (i32.lt_u (local.get $byte) (i32.const 0x80))
      (then (return (local.get $byte))))
    (if (i32.lt_u (local.get $byte) (i32.const 0xe0))
      (then
        (return
          (call $join
            (i32.and (local.get $byte) (i32.const 0x1f))
            (i32.load8_u offset=1 (local.get $at))))))
    (if (i32.lt_u (local.get $byte) (i32.const 0xf0))
      (then
        (return
          (call $join
            (call $join
              (i32.and (local.get $byte) (i32.const 0x0f))
              (i32.load8_u offset=1 (local.get $at)))
            (i32.load8_u offset=2 (local.get $at))))))
    (call $join
      (call $join
        (call $join
          (i32.and (local.get $byte) (i32.const 0x07))
          (i32.load8_u offset=1 (local.get $at)))
        (i32.load8_u offset=2 (local.get $at)))
      (i32.load8_u offset=3 (local.get $at))))

  (func $join (param $bits i32) (param $byte i32) (result i32)
    (i32.or
      (i32.shl (local.get $bits) (i32.const 6))
      (i32.and (local.get $byte) (i32.const 0x3f))))

  ;; Where the character after the one that begins here begins.
  (func $after-char (param $at i32) (result i32)
    (local $byte i32)
    (local.set $byte (i32.load8_u (local.get $at)))
    (i32.add
      (i32.add (local.get $at) (i32.const 1))
      (i32.add
        (i32.ge_u (local.get $byte) (i32.const 0xc0))
        (i32.add
          (i32.ge_u (local.get $byte) (i32.const 0xe0))
          (i32.ge_u (local.get $byte) (i32.const 0xf0))))))

  ;; Where the character before the one that begins here begins.
  (func $before-char (param $at i32) (result i32)
    (loop $next
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (br_if $next (call $goes-on (i32.load8_u (local.get $at)))))
    (local.get $at))

  ;; Whether a byte goes on with a character that began before it.
  (func $goes-on (param $byte i32) (result i32)
    (i32.eq (i32.and (local.get $byte) (i32.const 0xc0)) (i32.const 0x80)))

  ;; Whether a character is one of Unicode's White_Space, of which there are 25.
  (func $is-space (param $char i32) (result i32)
    (if (i32.lt_u (local.get $char) (i32.const 0x80))
      (then
        (return
          (i32.or
            (i32.eq (local.get $char) (i32.const 0x20))
            (call $is-between (local.get $char) (i32.const 0x09) (i32.const 0x0d))))))
    (if (call $is-between (local.get $char) (i32.const 0x2000) (i32.const 0x200a))
      (then (return (i32.const 1))))
    (if (call $is-between (local.get $char) (i32.const 0x2028) (i32.const 0x2029))
      (then (return (i32.const 1))))
    (i32.or
      (i32.or
        (i32.or (i32.eq (local.get $char) (i32.const 0x85)) (i32.eq (local.get $char) (i32.const 0xa0)))
        (i32.or (i32.eq (local.get $char) (i32.const 0x1680)) (i32.eq (local.get $char) (i32.const 0x202f))))
      (i32.or (i32.eq (local.get $char) (i32.const 0x205f)) (i32.eq (local.get $char) (i32.const 0x3000)))))

  (func $is-control (param $char i32) (result i32)
    (i32.or
      (i32.lt_u (local.get $char) (i32.const 0x20))
      (call $is-between (local.get $char) (i32.const 0x7f) (i32.const 0x9f))))

  (func $is-lower (param $byte i32) (result i32)
    (call $is-between (local.get $byte) (i32.const 0x61) (i32.const 0x7a)))

  (func $is-digit (param $byte i32) (result i32)
    (call $is-between (local.get $byte) (i32.const 0x30) (i32.const 0x39)))

  (func $is-between (param $char i32) (param $first i32) (param $last i32) (result i32)
    (i32.and
      (i32.ge_u (local.get $char) (local.get $first))
      (i32.le_u (local.get $char) (local.get $last))))

  ;; Whether a character is one of the bytes of a text.
  (func $is-one-of (param $char i32) (param $text i32) (result i32)
    (local $byte i32)
    (block $none
      (loop $next
        (local.set $byte (i32.load8_u (local.get $text)))
        (br_if $none (i32.eqz (local.get $byte)))
        (if (i32.eq (local.get $byte) (local.get $char))
          (then (return (i32.const 1))))
        (local.set $text (i32.add (local.get $text) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; A byte, in lower case if it is a letter from A to Z.
  (func $lower (param $byte i32) (result i32)
    (if (call $is-between (local.get $byte) (i32.const 0x41) (i32.const 0x5a))
      (then (return (i32.add (local.get $byte) (i32.const 0x20)))))
    (local.get $byte))

  ;; What a digit counts, up to 15 for `f` and `F`; 16 where it is none.
  (func $digit (param $byte i32) (result i32)
    (if (call $is-digit (local.get $byte))
      (then (return (i32.sub (local.get $byte) (i32.const 0x30)))))
    (local.set $byte (call $lower (local.get $byte)))
    (if (call $is-between (local.get $byte) (i32.const 0x61) (i32.const 0x66))
      (then (return (i32.sub (local.get $byte) (i32.const 0x57)))))
    (i32.const 16))

  ;; A text as a slice.
  (func $slice (param $text i32) (result i32 i32)
    (local.get $text) (call $text-end (local.get $text)))

  ;; Where a text has its zero byte.
  (func $text-end (param $text i32) (result i32)
    (block $found
      (loop $next
        (br_if $found (i32.eqz (i32.load8_u (local.get $text))))
        (local.set $text (i32.add (local.get $text) (i32.const 1)))
        (br $next)))
    (local.get $text))

  ;; Reading JSON. The host only writes JSON that holds together, so nothing here looks for an end that is missing.

  ;; The value of an object's member, or 0 where there is none or the value is no object.
  (func $member (param $object i32) (param $key i32) (result i32)
    (local $at i32)
    (local $found i32)
    (if (i32.ne (i32.load8_u (local.get $object)) (global.get $open-brace))
      (then (return (i32.const 0))))
    (local.set $at (call $skip-blanks (i32.add (local.get $object) (i32.const 1))))
    (loop $next
      (if (i32.eqz (call $is-string (local.get $at)))
        (then (return (i32.const 0))))
      (local.set $found (call $is (local.get $at) (local.get $key)))
      ;; Over the key and, with blanks on either side, its colon.
      (local.set $at (call $skip-blanks (call $skip-string (local.get $at))))
      (local.set $at (call $skip-blanks (i32.add (local.get $at) (i32.const 1))))
      (if (local.get $found)
        (then (return (local.get $at))))
      (local.set $at (call $next-item (local.get $at)))
      (br_if $next (local.get $at)))
    (i32.const 0))

  ;; The first item of a list, or 0 where there is none or the value is no list.
  (func $first-item (param $list i32) (result i32)
    (local $at i32)
    (if (i32.ne (i32.load8_u (local.get $list)) (global.get $open-bracket))
      (then (return (i32.const 0))))
    (local.set $at (call $skip-blanks (i32.add (local.get $list) (i32.const 1))))
    (if (i32.eq (i32.load8_u (local.get $at)) (global.get $close-bracket))
      (then (return (i32.const 0))))
    (local.get $at))

  ;; What stands after an item and its comma: the next item of a list, the next key of an object; 0 where there is none.
  (func $next-item (param $item i32) (result i32)
    (local $at i32)
    (local.set $at (call $skip-blanks (call $skip-value (local.get $item))))
    (if (i32.ne (i32.load8_u (local.get $at)) (global.get $comma))
      (then (return (i32.const 0))))
    (call $skip-blanks (i32.add (local.get $at) (i32.const 1))))

  (func $is-string (param $value i32) (result i32)
    (i32.eq (i32.load8_u (local.get $value)) (global.get $quote)))

  ;; Whether a value is the string that a text spells. Texts hold nothing that JSON escapes, so bytes can be compared.
  (func $is (param $value i32) (param $text i32) (result i32)
    (if (i32.eqz (call $is-string (local.get $value)))
      (then (return (i32.const 0))))
    (loop $next
      (local.set $value (i32.add (local.get $value) (i32.const 1)))
      (if (i32.eqz (i32.load8_u (local.get $text)))
        (then (return (i32.eq (i32.load8_u (local.get $value)) (global.get $quote)))))
      (if (i32.eq (i32.load8_u (local.get $value)) (i32.load8_u (local.get $text)))
        (then
          (local.set $text (i32.add (local.get $text) (i32.const 1)))
          (br $next))))
    (i32.const 0))

  ;; A string as a slice of its own, escapes resolved. What is no string gives an empty one.
  (func $decode (param $value i32) (result i32 i32)
    (local $start i32)
    (local $at i32)
    (local $byte i32)
    (local $char i32)
    (if (i32.eqz (call $is-string (local.get $value)))
      (then (return (i32.const 0) (i32.const 0))))
    (local.set $start (global.get $heap))
    (local.set $at (i32.add (local.get $value) (i32.const 1)))
    (block $done
      (loop $next
        (local.set $byte (i32.load8_u (local.get $at)))
        (br_if $done (i32.eq (local.get $byte) (global.get $quote)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (if (i32.eq (local.get $byte) (global.get $backslash))
          (then
            (local.set $byte (i32.load8_u (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (if (i32.eq (local.get $byte) (i32.const 0x75))    ;; \u
              (then
                (local.set $char (call $four-digits (local.get $at)))
                (local.set $at (i32.add (local.get $at) (i32.const 4)))
                ;; The first half of a pair of UTF-16; the other one follows, with a \u of its own.
                (if (i32.eq (i32.and (local.get $char) (i32.const 0xfc00)) (i32.const 0xd800))
                  (then
                    (local.set $char
                      (call $pair
                        (local.get $char)
                        (call $four-digits (i32.add (local.get $at) (i32.const 2)))))
                    (local.set $at (i32.add (local.get $at) (i32.const 6)))))
                (call $push-char (local.get $char))
                (br $next)))
            (local.set $byte (call $escaped (local.get $byte)))))
        (call $push-byte (local.get $byte))
        (br $next)))
    (local.get $start) (global.get $heap))

  ;; The byte that a letter after a backslash stands for. Quotes, slashes and backslashes stand for themselves.
  (func $escaped (param $byte i32) (result i32)
    (if (i32.eq (local.get $byte) (i32.const 0x62))    ;; \b
      (then (return (i32.const 0x08))))
    (if (i32.eq (local.get $byte) (i32.const 0x66))    ;; \f
      (then (return (i32.const 0x0c))))
    (if (i32.eq (local.get $byte) (i32.const 0x6e))    ;; \n
      (then (return (i32.const 0x0a))))
    (if (i32.eq (local.get $byte) (i32.const 0x72))    ;; \r
      (then (return (i32.const 0x0d))))
    (if (i32.eq (local.get $byte) (i32.const 0x74))    ;; \t
      (then (return (i32.const 0x09))))
    (local.get $byte))

  ;; The number that four hexadecimal digits spell.
  (func $four-digits (param $at i32) (result i32)
    (local $number i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (i32.const 4)))
    (loop $next
      (local.set $number
        (i32.or
          (i32.shl (local.get $number) (i32.const 4))
          (call $digit (i32.load8_u (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $number))

  ;; The character of a pair of UTF-16: ten bits from each half.
  (func $pair (param $high i32) (param $low i32) (result i32)
    (i32.add
      (i32.const 0x10000)
      (i32.or
        (i32.shl (i32.and (local.get $high) (i32.const 0x3ff)) (i32.const 10))
        (i32.and (local.get $low) (i32.const 0x3ff)))))

  ;; The address after a value.
  (func $skip-value (param $at i32) (result i32)
    (local $byte i32)
    (local.set $byte (i32.load8_u (local.get $at)))
    (if (i32.eq (local.get $byte) (global.get $quote))
      (then (return (call $skip-string (local.get $at)))))
    (if (call $opens (local.get $byte))
      (then (return (call $skip-nested (local.get $at)))))
    (call $skip-word (local.get $at)))

  ;; The address after a string: after the first quote that no backslash escapes.
  (func $skip-string (param $at i32) (result i32)
    (local $byte i32)
    (loop $next
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.eq (local.get $byte) (global.get $backslash))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next)))
      (br_if $next (i32.ne (local.get $byte) (global.get $quote))))
    (i32.add (local.get $at) (i32.const 1)))

  ;; The address after an object or a list. Strings are skipped whole, since a brace in one means nothing.
  (func $skip-nested (param $at i32) (result i32)
    (local $byte i32)
    (local $depth i32)
    (loop $next
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.eq (local.get $byte) (global.get $quote))
        (then
          (local.set $at (call $skip-string (local.get $at)))
          (br $next)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $depth (i32.add (local.get $depth) (call $opens (local.get $byte))))
      (local.set $depth (i32.sub (local.get $depth) (call $closes (local.get $byte))))
      (br_if $next (local.get $depth)))
    (local.get $at))

  ;; The address after a number, `true`, `false` or `null`: at what follows a value, or a blank before that.
  (func $skip-word (param $at i32) (result i32)
    (local $byte i32)
    (block $end
      (loop $next
        (local.set $byte (i32.load8_u (local.get $at)))
        (br_if $end (i32.le_u (local.get $byte) (i32.const 0x20)))
        (br_if $end (i32.eq (local.get $byte) (global.get $comma)))
        (br_if $end (call $closes (local.get $byte)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $at))

  ;; The address of the first byte that is no space, tab or line end.
  (func $skip-blanks (param $at i32) (result i32)
    (local $byte i32)
    (block $end
      (loop $next
        (local.set $byte (i32.load8_u (local.get $at)))
        (br_if $end (i32.gt_u (local.get $byte) (i32.const 0x20)))
        ;; A zero byte is where memory was never written: there is nothing to skip to.
        (br_if $end (i32.eqz (local.get $byte)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $at))

  (func $opens (param $byte i32) (result i32)
    (i32.or
      (i32.eq (local.get $byte) (global.get $open-brace))
      (i32.eq (local.get $byte) (global.get $open-bracket))))

  (func $closes (param $byte i32) (result i32)
    (i32.or
      (i32.eq (local.get $byte) (global.get $close-brace))
      (i32.eq (local.get $byte) (global.get $close-bracket))))

  ;; Writing the answer. What is put one after another is allocated one after another, and so lies one after another:
  ;; the answer goes from where the heap stood when it was begun to where it stands after the last.

  (global $answer-start (mut i32) (i32.const 0))

  (func $begin-answer
    (global.set $answer-start (global.get $heap)))

  ;; The answer as the host reads it: its address in the upper half, its length in the lower.
  (func $answer (result i64)
    (i64.or
      (i64.shl (i64.extend_i32_u (global.get $answer-start)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (global.get $heap) (global.get $answer-start)))))

  (func $put-text (param $text i32)
    (call $put (call $slice (local.get $text))))

  ;; A value, as it stands in the Call.
  (func $put-value (param $value i32)
    (call $put (local.get $value) (call $skip-value (local.get $value))))

  ;; A slice as the inside of a JSON string.
  (func $put-escaped (param $start i32) (param $end i32)
    (local $byte i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $start) (local.get $end)))
        (local.set $byte (i32.load8_u (local.get $start)))
        (local.set $start (i32.add (local.get $start) (i32.const 1)))
        (if (i32.lt_u (local.get $byte) (i32.const 0x20))
          (then
            (call $put-control (local.get $byte))
            (br $next)))
        (if (i32.or
              (i32.eq (local.get $byte) (global.get $quote))
              (i32.eq (local.get $byte) (global.get $backslash)))
          (then (call $push-byte (global.get $backslash))))
        (call $push-byte (local.get $byte))
        (br $next))))

  ;; A control character, as JSON must have it: \u00 and two hexadecimal digits, of which the first is 0 or 1.
  (func $put-control (param $byte i32)
    (call $put-text (global.get $control-before))
    (call $push-byte (i32.add (i32.const 0x30) (i32.shr_u (local.get $byte) (i32.const 4))))
    (local.set $byte (i32.and (local.get $byte) (i32.const 0x0f)))
    (if (i32.lt_u (local.get $byte) (i32.const 10))
      (then (call $push-byte (i32.add (i32.const 0x30) (local.get $byte))))
      (else (call $push-byte (i32.add (i32.const 0x57) (local.get $byte))))))

  ;; Memory.

  ;; Where the next allocation begins.
  (global $heap (mut i32) (i32.const 65536))

  ;; Room for so many bytes, or the end of the call.
  (func $take (param $bytes i32) (result i32)
    (local $room i32)
    (local.set $room (call $alloc (local.get $bytes)))
    (if (i32.eqz (local.get $room))
      (then (unreachable)))
    (local.get $room))

  ;; Appends the bytes from one address up to another to what was allocated last.
  (func $put (param $from i32) (param $to i32)
    (local $bytes i32)
    (local.set $bytes (i32.sub (local.get $to) (local.get $from)))
    (memory.copy (call $take (local.get $bytes)) (local.get $from) (local.get $bytes)))

  (func $push-byte (param $byte i32)
    (i32.store8 (call $take (i32.const 1)) (local.get $byte)))

  ;; Appends a character in UTF-8 (RFC 3629 §3).
  (func $push-char (param $char i32)
    (if (i32.lt_u (local.get $char) (i32.const 0x80))
      (then
        (call $push-byte (local.get $char))
        (return)))
    (if (i32.lt_u (local.get $char) (i32.const 0x800))
      (then
        (call $push-byte (i32.or (i32.const 0xc0) (i32.shr_u (local.get $char) (i32.const 6)))))
      (else
        (if (i32.lt_u (local.get $char) (i32.const 0x10000))
          (then
            (call $push-byte (i32.or (i32.const 0xe0) (i32.shr_u (local.get $char) (i32.const 12)))))
          (else
            (call $push-byte (i32.or (i32.const 0xf0) (i32.shr_u (local.get $char) (i32.const 18))))
            (call $push-rest (i32.shr_u (local.get $char) (i32.const 12)))))
        (call $push-rest (i32.shr_u (local.get $char) (i32.const 6)))))
    (call $push-rest (local.get $char)))

  ;; Six bits of a character, as a byte that goes on with it.
  (func $push-rest (param $bits i32)
    (call $push-byte (i32.or (i32.const 0x80) (i32.and (local.get $bits) (i32.const 0x3f)))))

  (func $memory-bytes (result i32)
    (i32.shl (memory.size) (i32.const 16)))

  ;; How many pages of 64 KiB must join the memory for it to reach to this address.
  (func $missing-pages (param $end i32) (result i32)
    (i32.add
      (i32.shr_u (i32.sub (i32.sub (local.get $end) (call $memory-bytes)) (i32.const 1)) (i32.const 16))
      (i32.const 1)))

  ;; Limits.

  ;; A title longer than this is cut by most that show it.
  (global $title-chars i32 (i32.const 200))
  ;; Characters of the body that a message carries.
  (global $excerpt-chars i32 (i32.const 280))
  ;; Characters that a finding shows of a link that is not finished.
  (global $shown-chars i32 (i32.const 60))

  ;; Bytes, by name.

  (global $quote i32 (i32.const 0x22))
  (global $hash i32 (i32.const 0x23))
  (global $ampersand i32 (i32.const 0x26))
  (global $apostrophe i32 (i32.const 0x27))
  (global $comma i32 (i32.const 0x2c))
  (global $hyphen i32 (i32.const 0x2d))
  (global $dot i32 (i32.const 0x2e))
  (global $slash i32 (i32.const 0x2f))
  (global $colon i32 (i32.const 0x3a))
  (global $semicolon i32 (i32.const 0x3b))
  (global $less i32 (i32.const 0x3c))
  (global $equals i32 (i32.const 0x3d))
  (global $greater i32 (i32.const 0x3e))
  (global $question-mark i32 (i32.const 0x3f))
  (global $at-sign i32 (i32.const 0x40))
  (global $open-bracket i32 (i32.const 0x5b))
  (global $backslash i32 (i32.const 0x5c))
  (global $close-bracket i32 (i32.const 0x5d))
  (global $open-brace i32 (i32.const 0x7b))
  (global $close-brace i32 (i32.const 0x7d))

  ;; Texts. Each ends with a zero byte, so that its address is all there is to know of it.

  ;; Members of the Call, and of what it holds.
  (global $key-node i32 (i32.const 16))
  (data (i32.const 16) "node\00")
  (global $key-object i32 (i32.const 32))
  (data (i32.const 32) "object\00")
  (global $key-config i32 (i32.const 48))
  (data (i32.const 48) "config\00")
  (global $key-current i32 (i32.const 64))
  (data (i32.const 64) "current\00")
  (global $key-input i32 (i32.const 80))
  (data (i32.const 80) "input\00")
  (global $key-output i32 (i32.const 96))
  (data (i32.const 96) "output\00")
  (global $key-at i32 (i32.const 112))
  (data (i32.const 112) "at\00")
  (global $key-channel i32 (i32.const 128))
  (data (i32.const 128) "channel\00")
  (global $key-id i32 (i32.const 144))
  (data (i32.const 144) "id\00")
  (global $key-type i32 (i32.const 160))
  (data (i32.const 160) "type\00")
  (global $key-name i32 (i32.const 176))
  (data (i32.const 176) "name\00")
  (global $key-content i32 (i32.const 192))
  (data (i32.const 192) "content\00")
  (global $key-category i32 (i32.const 208))
  (data (i32.const 208) "category\00")
  (global $key-tag i32 (i32.const 224))
  (data (i32.const 224) "tag\00")
  (global $key-slug i32 (i32.const 240))
  (data (i32.const 240) "slug\00")
  (global $key-status i32 (i32.const 256))
  (data (i32.const 256) "status\00")
  (global $key-url i32 (i32.const 272))
  (data (i32.const 272) "url\00")

  ;; Nodes and branches.
  (global $node-validate i32 (i32.const 288))
  (data (i32.const 288) "validate\00")
  (global $node-notify i32 (i32.const 304))
  (data (i32.const 304) "notify\00")
  (global $node-wait i32 (i32.const 320))
  (data (i32.const 320) "wait\00")
  (global $node-digest i32 (i32.const 336))
  (data (i32.const 336) "digest\00")
  (global $node-skip i32 (i32.const 352))
  (data (i32.const 352) "skip\00")
  (global $urgent i32 (i32.const 368))
  (data (i32.const 368) "urgent\00")
  (global $newsletter i32 (i32.const 384))
  (data (i32.const 384) "newsletter\00")
  (global $other i32 (i32.const 400))
  (data (i32.const 400) "other\00")

  ;; Words that are looked for.
  (global $published i32 (i32.const 416))
  (data (i32.const 416) "published\00")
  (global $hashtag i32 (i32.const 432))
  (data (i32.const 432) "Hashtag\00")
  (global $http i32 (i32.const 448))
  (data (i32.const 448) "http\00")
  (global $https i32 (i32.const 464))
  (data (i32.const 464) "https\00")
  (global $mailto i32 (i32.const 480))
  (data (i32.const 480) "mailto\00")
  (global $slashes i32 (i32.const 496))
  (data (i32.const 496) "//\00")
  (global $slash-text i32 (i32.const 512))
  (data (i32.const 512) "/\00")
  (global $equals-text i32 (i32.const 528))
  (data (i32.const 528) "=\00")
  (global $plus-text i32 (i32.const 544))
  (data (i32.const 544) "+\00")
  (global $x-text i32 (i32.const 560))
  (data (i32.const 560) "x\00")
  (global $capital-x-text i32 (i32.const 576))
  (data (i32.const 576) "X\00")
  (global $link-signs i32 (i32.const 592))
  (data (i32.const 592) "](\00")
  (global $scheme-signs i32 (i32.const 608))
  (data (i32.const 608) "+-.\00")
  (global $odd-chars i32 (i32.const 624))
  (data (i32.const 624) "<>\"{}|\\^`\00")
  (global $tag-a i32 (i32.const 640))
  (data (i32.const 640) "a\00")
  (global $tag-img i32 (i32.const 656))
  (data (i32.const 656) "img\00")
  (global $tag-code i32 (i32.const 672))
  (data (i32.const 672) "code\00")
  (global $tag-pre i32 (i32.const 688))
  (data (i32.const 688) "pre\00")
  (global $attribute-href i32 (i32.const 704))
  (data (i32.const 704) "href\00")
  (global $attribute-src i32 (i32.const 720))
  (data (i32.const 720) "src\00")
  (global $attribute-alt i32 (i32.const 736))
  (data (i32.const 736) "alt\00")
  (global $entity-amp i32 (i32.const 752))
  (data (i32.const 752) "&amp;\00")
  (global $entity-lt i32 (i32.const 768))
  (data (i32.const 768) "&lt;\00")
  (global $entity-gt i32 (i32.const 784))
  (data (i32.const 784) "&gt;\00")
  (global $entity-quot i32 (i32.const 800))
  (data (i32.const 800) "&quot;\00")
  (global $entity-nbsp i32 (i32.const 816))
  (data (i32.const 816) "&nbsp;\00")
  (global $entity-numeric i32 (i32.const 832))
  (data (i32.const 832) "&#\00")
  ;; Elements that stand within a line of text: texts one after another, the last an empty one.
  (global $inline-tags i32 (i32.const 848))
  (data (i32.const 848)
    "a\00abbr\00b\00cite\00code\00del\00em\00i\00ins\00kbd\00mark\00s\00small\00span\00strong\00sub\00sup\00u\00\00")

  ;; Words that are written.
  (global $untitled i32 (i32.const 928))
  (data (i32.const 928) "Untitled\00")
  (global $ellipsis i32 (i32.const 944))
  (data (i32.const 944) "…\00")
  (global $null i32 (i32.const 960))
  (data (i32.const 960) "null\00")
  (global $true i32 (i32.const 976))
  (data (i32.const 976) "true\00")
  (global $false i32 (i32.const 992))
  (data (i32.const 992) "false\00")
  (global $quote-text i32 (i32.const 1008))
  (data (i32.const 1008) "\"\00")
  (global $comma-text i32 (i32.const 1024))
  (data (i32.const 1024) ",\00")
  (global $control-before i32 (i32.const 1040))
  (data (i32.const 1040) "\\u00\00")

  ;; The Outcomes, in the pieces between which stands what differs.
  (global $empty-outcome i32 (i32.const 1056))
  (data (i32.const 1056) "{\"ok\":{\"v\":1,\"effects\":[]}}\00")
  (global $fatal-before i32 (i32.const 1088))
  (data (i32.const 1088) "{\"err\":{\"fatal\":\"\00")
  (global $fatal-after i32 (i32.const 1120))
  (data (i32.const 1120) "\"}}\00")
  (global $no-node i32 (i32.const 1136))
  (data (i32.const 1136) "there is no node \00")
  (global $no-time i32 (i32.const 1168))
  (data (i32.const 1168) "output of wait does not read: it has no time\00")
  (global $validate-before i32 (i32.const 1216))
  (data (i32.const 1216) "{\"ok\":{\"v\":1,\"effects\":[{\"kind\":\"validate\",\"payload\":{\"findings\":[\00")
  (global $validate-valid i32 (i32.const 1296))
  (data (i32.const 1296) "],\"valid\":\00")
  (global $validate-output i32 (i32.const 1312))
  (data (i32.const 1312) "}}],\"output\":{\"valid\":\00")
  (global $validate-category i32 (i32.const 1344))
  (data (i32.const 1344) ",\"category\":\00")
  (global $validate-branch i32 (i32.const 1360))
  (data (i32.const 1360) "},\"branch\":\"\00")
  (global $validate-after i32 (i32.const 1376))
  (data (i32.const 1376) "\"}}\00")
  (global $notify-subject i32 (i32.const 1392))
  (data (i32.const 1392) "{\"ok\":{\"v\":1,\"effects\":[{\"kind\":\"notify\",\"payload\":{\"subject\":\"\00")
  (global $notify-text i32 (i32.const 1456))
  (data (i32.const 1456) "\",\"text\":\"\00")
  (global $notify-channel i32 (i32.const 1472))
  (data (i32.const 1472) ",\"channel\":\00")
  (global $notify-url i32 (i32.const 1488))
  (data (i32.const 1488) ",\"url\":\"\00")
  (global $notify-batch i32 (i32.const 1504))
  (data (i32.const 1504) ",\"batch\":\00")
  (global $notify-after i32 (i32.const 1520))
  (data (i32.const 1520) "}}]}}\00")

  ;; The findings: `{"severity":` and one of two words, then field, rule and message, around what the message is about.
  (global $finding-before i32 (i32.const 1536))
  (data (i32.const 1536) "{\"severity\":\00")
  (global $finding-after i32 (i32.const 1552))
  (data (i32.const 1552) "\"}\00")
  (global $severity-error i32 (i32.const 1568))
  (data (i32.const 1568) "\"error\"\00")
  (global $severity-warning i32 (i32.const 1584))
  (data (i32.const 1584) "\"warning\"\00")
  (global $title-required i32 (i32.const 1600))
  (data (i32.const 1600) ",\"field\":\"title\",\"rule\":\"required\",\"message\":\"The article has no title.\00")
  (global $title-length i32 (i32.const 1680))
  (data (i32.const 1680)
    ",\"field\":\"title\",\"rule\":\"length\",\"message\":\"The title is longer than 200 characters.\00")
  (global $slug-required i32 (i32.const 1776))
  (data (i32.const 1776) ",\"field\":\"slug\",\"rule\":\"required\",\"message\":\"The article has no slug.\00")
  (global $slug-format i32 (i32.const 1856))
  (data (i32.const 1856) ",\"field\":\"slug\",\"rule\":\"format\",\"message\":\"The slug \\\"\00")
  (global $slug-format-after i32 (i32.const 1920))
  (data (i32.const 1920) "\\\" is not made of lower-case letters, digits and single hyphens.\00")
  (global $body-required i32 (i32.const 2000))
  (data (i32.const 2000) ",\"field\":\"body\",\"rule\":\"required\",\"message\":\"The article has no body.\00")
  (global $link-empty i32 (i32.const 2080))
  (data (i32.const 2080) ",\"field\":\"body\",\"rule\":\"link-empty\",\"message\":\"A link goes nowhere.\00")
  (global $link-malformed i32 (i32.const 2160))
  (data (i32.const 2160) ",\"field\":\"body\",\"rule\":\"link-malformed\",\"message\":\"The link \00")
  (global $link-malformed-after i32 (i32.const 2224))
  (data (i32.const 2224) " is not a working address.\00")
  (global $link-relative i32 (i32.const 2256))
  (data (i32.const 2256) ",\"field\":\"body\",\"rule\":\"link-relative\",\"message\":\"The link \00")
  (global $link-relative-after i32 (i32.const 2320))
  (data (i32.const 2320) " only works on this site; use its full address.\00")
  (global $link-syntax i32 (i32.const 2368))
  (data (i32.const 2368) ",\"field\":\"body\",\"rule\":\"link-syntax\",\"message\":\"A link is not finished: \00")
  (global $image-source i32 (i32.const 2448))
  (data (i32.const 2448) ",\"field\":\"body\",\"rule\":\"image-source\",\"message\":\"The image \\\"\00")
  (global $image-source-after i32 (i32.const 2512))
  (data (i32.const 2512) "\\\" has no working address.\00")
  (global $image-alt i32 (i32.const 2544))
  (data (i32.const 2544) ",\"field\":\"body\",\"rule\":\"image-alt\",\"message\":\"The image \00")
  (global $image-alt-after i32 (i32.const 2608))
  (data (i32.const 2608) " has no text for those who do not see it.\00")

  ;; The Manifest: what starts the behavior, its steps and how they follow one another, the effects that it may ask for,
  ;; and the schema of the operator's config.
  (global $manifest i32 (i32.const 3072))
  (data (i32.const 3072)
    "{"
    "  \"v\": 1,"
    "  \"name\": \"{{name}}\","
    "  \"version\": \"1.0.0\","
    "  \"description\": \"Checks an article when it is published, then notifies now (urgent), with the next digest (newsletter), or not at all.\","
    "  \"triggers\": ["
    "    {\"on\": \"Create\", \"object\": \"Article\", \"transition\": {\"field\": \"status\", \"to\": \"published\"}}"
    "  ],"
    "  \"nodes\": ["
    "    {\"id\": \"validate\", \"label\": \"Validate\", \"kind\": \"step\", \"branches\": [\"urgent\", \"newsletter\", \"other\"]},"
    "    {\"id\": \"notify\", \"label\": \"Notify now\", \"kind\": \"step\"},"
    "    {\"id\": \"wait\", \"label\": \"Wait for the digest\", \"kind\": \"wait\", \"wait\": {\"until\": \"/config/digest\"}},"
    "    {\"id\": \"digest\", \"label\": \"Add to the digest\", \"kind\": \"step\"},"
    "    {\"id\": \"skip\", \"label\": \"Notify nobody\", \"kind\": \"step\"}"
    "  ],"
    "  \"edges\": ["
    "    {\"from\": \"validate\", \"when\": \"urgent\", \"to\": \"notify\"},"
    "    {\"from\": \"validate\", \"when\": \"newsletter\", \"to\": \"wait\"},"
    "    {\"from\": \"wait\", \"when\": \"fired\", \"to\": \"digest\"},"
    "    {\"from\": \"validate\", \"when\": \"other\", \"to\": \"skip\"}"
    "  ],"
    "  \"effects\": [\"validate\", \"notify\"],"
    "  \"config_schema\": {"
    "    \"$schema\": \"https://json-schema.org/draft/2020-12/schema\","
    "    \"type\": \"object\","
    "    \"additionalProperties\": false,"
    "    \"properties\": {"
    "      \"digest\": {"
    "        \"description\": \"When the digest goes out: a daily or weekly schedule, or one moment (RFC 3339).\","
    "        \"default\": {\"at\": \"09:00\", \"tz\": \"UTC\"},"
    "        \"type\": [\"object\", \"string\"],"
    "        \"minLength\": 20,"
    "        \"additionalProperties\": false,"
    "        \"required\": [\"at\", \"tz\"],"
    "        \"properties\": {"
    "          \"at\": {"
    "            \"description\": \"The time of day, on a 24-hour clock.\","
    "            \"type\": \"string\","
    "            \"pattern\": \"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$\""
    "          },"
    "          \"days\": {"
    "            \"description\": \"The days of the week; every day where it is left out.\","
    "            \"type\": \"array\","
    "            \"minItems\": 1,"
    "            \"uniqueItems\": true,"
    "            \"items\": {\"enum\": [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]}"
    "          },"
    "          \"tz\": {"
    "            \"description\": \"The time zone by its IANA name, such as Europe/Berlin.\","
    "            \"type\": \"string\","
    "            \"minLength\": 1"
    "          }"
    "        }"
    "      },"
    "      \"channel\": {"
    "        \"description\": \"The channel that is notified.\","
    "        \"default\": \"log\","
    "        \"type\": \"string\","
    "        \"minLength\": 1"
    "      }"
    "    }"
    "  }"
    "}\00"))
