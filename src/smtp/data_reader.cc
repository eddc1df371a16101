#include "smtp/data_reader.h"

#include <algorithm>
#include <bit>

#include "smtp/octet_scan.h"

namespace postern::smtp {
namespace {

constexpr std::string_view crlf = "\r\n";

constexpr std::uint64_t below(unsigned bit) {
  return bit >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bit) - 1;
}

}  // namespace

DataReader::DataReader(Framing framing, BareNewline bare_newline, const Limits& limits)
    : max_size_(limits.message_size),
      max_line_(std::max<std::size_t>(limits.text_line, block_size)),
      framing_(framing),
      bare_newline_(bare_newline) {}

void DataReader::take(std::string_view& input, std::size_t octets) {
  input.remove_prefix(octets);
  octets_read_ += octets;
}

void DataReader::count_line(std::size_t octets) {
  line_ += octets;
  if (line_ > max_line_) long_line_ = true;
}

DataReader::StepView DataReader::read(std::string_view& input) {
  while (!input.empty()) {
    switch (state_) {
      case State::line_start:
        if (framing_ == Framing::dots && input[0] == '.') {
          take(input, 1);
          state_ = State::dot;
          continue;
        }
        [[fallthrough]];
      case State::text: {
        const StepView step = read_run(input);
        if (step.status == Status::piece) return step;
        continue;
      }
      case State::cr:
        if (input[0] != '\n') {
          spoil(ProtocolError::bare_cr);
          state_ = State::text;
          continue;
        }
        take(input, 1);
        count_line(1);
        line_ = 0;
        state_ = State::line_start;
        size_ += crlf.size();
        if (discarding()) continue;
        return {Status::piece, crlf};
      case State::dot:
        if (input[0] == '\r') {
          take(input, 1);
          state_ = State::dot_cr;
        } else {
          state_ = State::text;  // RFC 5321 §4.5.2: removes the stuffed dot
        }
        continue;
      case State::dot_cr:
        if (input[0] == '\n') {
          take(input, 1);
          state_ = State::line_start;
          return {Status::end, {}};
        }
        spoil(ProtocolError::bare_cr);
        state_ = State::text;
        continue;
    }
  }
  return {Status::need_input, {}};
}

void DataReader::finish() {
  if (state_ == State::cr) spoil(ProtocolError::bare_cr);
}

/// Consumes the clean octets at the front, or the octet that stops the scan.
DataReader::StepView DataReader::read_run(std::string_view& input) {
  const Scan found = scan(input);
  const std::string_view run = input.substr(0, found.clean);
  if (found.stopped && run.empty()) return stop_at(input);
  take(input, run.size());
  size_ += run.size();
  if (!found.stopped && !input.empty()) {  // a CR at the very end: its LF may follow
    take(input, 1);
    count_line(1);
    state_ = State::cr;
  }
  if (run.empty() || discarding()) return {Status::need_input, {}};
  return {Status::piece, run};
}

/// Handles the first octet: a bare CR, a bare LF or a NUL.
DataReader::StepView DataReader::stop_at(std::string_view& input) {
  const char octet = input[0];
  take(input, 1);
  state_ = State::text;  // not line_start: only CRLF starts a line
  if (octet == '\n' && bare_newline_ == BareNewline::normalize) {
    line_ = 0;
    size_ += crlf.size();
    if (discarding()) return {Status::need_input, {}};
    return {Status::piece, crlf};
  }
  spoil(octet == '\n'   ? ProtocolError::bare_lf
        : octet == '\r' ? ProtocolError::bare_cr
                        : ProtocolError::nul);
  return {Status::need_input, {}};
}

DataReader::Scan DataReader::scan(std::string_view input) {
  return broken_ ? scan_blocks<false>(input) : scan_blocks<true>(input);
}

/// Finds the first octet that is not plain message text: a dot after CRLF and, with `strict`, a
/// bare CR, a bare LF or a NUL. Without `strict` the message is rejected already.
template <bool strict>
DataReader::Scan DataReader::scan_blocks(std::string_view input) {
  const bool dots = framing_ == Framing::dots;
  std::uint64_t cr_before = 0;    // the previous block ended in CR
  std::uint64_t crlf_before = 0;  // the previous block ended in CRLF
  std::size_t line_begin = 0;     // start of the current line, if it started in this input
  std::size_t line_before = line_;
  for (std::size_t at = 0; at < input.size(); at += block_size) {
    const std::size_t length = std::min(block_size, input.size() - at);
    char tail[block_size];
    const char* block = input.data() + at;
    if (length < block_size) {
      std::memset(tail, 'x', sizeof tail);
      std::memcpy(tail, block, length);
      block = tail;
    }
    const BlockMasks masks = block_masks(block);
    const std::uint64_t behind_cr = masks.cr << 1 | cr_before;
    std::uint64_t line_ends = masks.lf & behind_cr;
    std::uint64_t stops = dots ? masks.dot & (line_ends << 1 | crlf_before) : 0;
    // An LF without CR before it, or another octet after a CR.
    if constexpr (strict) stops |= (masks.lf ^ behind_cr) | masks.nul;
    stops &= below(static_cast<unsigned>(length));

    const auto stop = static_cast<unsigned>(stops != 0 ? std::countr_zero(stops) : 64);
    line_ends &= below(stop);
    if (line_ends != 0) {
      const std::size_t first = at + static_cast<std::size_t>(std::countr_zero(line_ends)) + 1;
      if (first - line_begin + line_before > max_line_) long_line_ = true;
      line_begin = at + 64 - static_cast<std::size_t>(std::countl_zero(line_ends));
      line_before = 0;
    }
    if (stops != 0) {
      std::size_t clean = at + stop;
      // After a bare CR, the stop is one octet too late.
      if (clean > 0 && input[clean - 1] == '\r') --clean;
      line_ = 0;
      count_line(line_before + clean - line_begin);
      const bool dot = clean > 0 && input[clean] == '.';
      state_ = dot ? State::line_start : State::text;
      return {clean, true};
    }
    cr_before = masks.cr >> 63;
    crlf_before = line_ends >> 63;
  }
  const std::size_t clean = input.back() == '\r' ? input.size() - 1 : input.size();
  line_ = 0;
  line_before += clean - line_begin;
  count_line(line_before);
  state_ = clean >= 2 && input.ends_with(crlf) ? State::line_start : State::text;
  return {clean, false};
}

}  // namespace postern::smtp
