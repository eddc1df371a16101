#include "mail/header_scanner.h"

#include <algorithm>

#include "base/text.h"

namespace postern::mail {
namespace {

constexpr std::size_t max_message_id = 998;  // RFC 5322 §2.1.1: the longest line

/// RFC 5322 §3.6.8 ftext.
constexpr bool is_ftext(char c) { return c > 0x20 && c < 0x7f && c != ':'; }

}  // namespace

void HeaderScanner::scan(std::string_view piece) {
  while (!piece.empty() && state_ != State::body) {
    std::size_t used = 0;
    switch (state_) {
      case State::line_start:
        begin_line(piece[0]);
        used = piece[0] == '\r' || piece[0] == '\n' ? 1 : 0;
        break;
      case State::blank_line:
        used = piece[0] == '\n' ? 1 : 0;
        state_ = used == 1 ? State::body : State::value;
        break;
      case State::name:
        used = scan_name(piece);
        break;
      case State::value:
        used = scan_value(piece);
        break;
      case State::body:
        break;
    }
    size_ += used;
    piece.remove_prefix(used);
  }
}

void HeaderScanner::begin_line(char first) {
  if (first == ' ' || first == '\t') {  // RFC 5322 §2.2.3: a continuation line
    if (fields_ + odd_ == 0) ++odd_;
    state_ = State::value;
    return;
  }
  if (collect_ == Collect::now) end_collecting();
  if (first == '\r') {
    state_ = State::blank_line;
  } else if (first == '\n') {
    state_ = State::body;
  } else {
    state_ = State::name;
    name_length_ = 0;
  }
}

std::size_t HeaderScanner::scan_name(std::string_view piece) {
  std::size_t i = 0;
  for (; i < piece.size() && is_ftext(piece[i]); ++i) {
    if (name_length_ < name_.size()) name_[name_length_] = to_lower(piece[i]);
    ++name_length_;
  }
  if (i == piece.size()) return i;
  state_ = State::value;
  if (piece[i] == ':' && name_length_ > 0) {
    take_field();
    return i + 1;
  }
  ++odd_;
  return i;
}

void HeaderScanner::take_field() {
  ++fields_;
  if (name_length_ > name_.size()) return;
  const std::string_view name(name_.data(), name_length_);
  if (name == "received") {
    ++received_;
  } else if (name == "from") {
    ++from_;
  } else if (name == "message-id" && collect_ == Collect::not_yet) {
    collect_ = Collect::now;
  }
}

std::size_t HeaderScanner::scan_value(std::string_view piece) {
  const std::size_t lf = piece.find('\n');
  const std::size_t used = lf == std::string_view::npos ? piece.size() : lf + 1;
  if (lf != std::string_view::npos) state_ = State::line_start;
  if (collect_ == Collect::now) {
    message_id_ += piece.substr(0, used);
    if (message_id_.size() > 2 * max_message_id) {
      message_id_.clear();
      collect_ = Collect::done;
    }
  }
  return used;
}

/// Unfolding removes the line breaks (RFC 5322 §2.2.3).
void HeaderScanner::end_collecting() {
  collect_ = Collect::done;
  std::erase_if(message_id_, [](char c) { return c == '\r' || c == '\n'; });
  message_id_ = std::string(trim(message_id_));
  if (message_id_.size() > max_message_id) message_id_.clear();
}

void HeaderScanner::finish() {
  if (state_ == State::name) ++odd_;
  if (collect_ == Collect::now) end_collecting();
  state_ = State::body;
}

}  // namespace postern::mail
