#include <algorithm>

#include <fmt/core.h>

#include "smtp/message_fault.h"
#include "smtp/session_state.h"

namespace postern::smtp {

namespace {

/// A message longer than this many times the limit is not read to its end, nor are that many octets
/// of refused chunks.
constexpr std::uint64_t patience = 4;

}  // namespace

std::optional<Event> ServerSession::State::data(std::string_view argument) {
  if (!argument.empty()) {
    say(ProtocolError::syntax, 501, {5, 5, 4}, "DATA takes no argument");
  } else if (!in_transaction || chunked) {  // RFC 3030 §2: DATA and BDAT do not mix
    say(ProtocolError::sequence, 503, {5, 5, 1},
        chunked ? "message has begun with BDAT" : "send MAIL first");
  } else if (recipients == 0) {
    say(options.no_recipients, {5, 5, 1}, "no valid recipients");  // RFC 5321 §3.3
  } else {
    asked = Asked::data;
    return Data{.chunked = false};
  }
  return std::nullopt;
}

std::optional<Event> ServerSession::State::read_data() {
  if (input.empty()) return starve();
  const DataReader::StepView step = reader.read(input);
  if (reader.octets_read() / patience > options.limits.message_size) {
    return abort({421, {4, 7, 0}, "message far over the size limit"}, Closed::Reason::limit);
  }
  if (step.status == DataReader::Status::piece) return Chunk{step.piece};
  if (step.status == DataReader::Status::end) return finish_message();
  return std::nullopt;
}

std::optional<Event> ServerSession::State::bdat(std::string_view argument,
                                                std::optional<Reply> refusal) {
  const auto chunk = parse_bdat(argument);
  if (!chunk) {
    // The number of octets that follow is unknown, and they must not be executed as commands.
    close(Closed::Reason::protocol);
    say(ProtocolError::syntax, 501, {5, 5, 4}, "bad BDAT size");
    return std::nullopt;
  }
  chunk_left = chunk_size = chunk->size;
  chunk_last = chunk->last;
  chunk_refusal = std::move(refusal);
  phase = Phase::chunk;
  if (chunk_refusal) return std::nullopt;
  if (!in_transaction || recipients == 0) {
    if (!in_transaction) note(ProtocolError::sequence);
    // As for DATA: RFC 5321 §3.3.
    chunk_refusal = in_transaction ? Reply{options.no_recipients, {5, 5, 1}, "no valid recipients"}
                                   : Reply{503, {5, 5, 1}, "send MAIL first"};
    return std::nullopt;
  }
  const std::uint64_t before = chunked ? reader.size() : 0;
  if (++chunks > options.limits.chunks) {
    chunk_refusal = Reply{552, {5, 3, 4}, "too many chunks"};
  } else if (chunk->size >
             options.limits.message_size - std::min(before, options.limits.message_size)) {
    chunk_refusal = Reply{552, {5, 3, 4}, "message too big"};
  } else if (!chunked) {
    chunked = true;
    reader = DataReader(DataReader::Framing::octets, options.bare_newline, options.limits);
    asked = Asked::chunk;
    return Data{.chunked = true};
  }
  return std::nullopt;
}

std::optional<Event> ServerSession::State::read_chunk() {
  if (chunk_refusal) return swallow_chunk();
  while (chunk_left > 0) {
    if (input.empty()) return starve();
    std::string_view part = input.substr(0, std::min<std::uint64_t>(chunk_left, input.size()));
    const std::size_t offered = part.size();
    const DataReader::StepView step = reader.read(part);
    const std::size_t used = offered - part.size();
    input.remove_prefix(used);
    chunk_left -= used;
    if (step.status == DataReader::Status::piece) return Chunk{step.piece};
  }
  return end_of_chunk();
}

std::optional<Event> ServerSession::State::end_of_chunk() {
  phase = Phase::command;
  if (chunk_last) {
    reader.finish();
    return finish_message();
  }
  if (auto fault = message_fault()) {
    const bool ends = reader.broken() && options.bare_newline_code == 550;
    return abort(*fault, ends ? std::optional(Closed::Reason::protocol) : std::nullopt);
  }
  // An empty chunk is only useful as the last one.
  if (chunk_size == 0 && count_error()) return std::nullopt;
  say(250, {2, 0, 0}, fmt::format("{} octets received", chunk_size));
  return std::nullopt;
}

/// RFC 3030 §2: the octets of a rejected chunk are consumed.
std::optional<Event> ServerSession::State::swallow_chunk() {
  const std::uint64_t octets = std::min<std::uint64_t>(chunk_left, input.size());
  input.remove_prefix(octets);
  chunk_left -= octets;
  swallowed_octets += octets;
  if (swallowed_octets / patience > options.limits.message_size) {
    return abort({421, {4, 7, 0}, "too many octets after a refusal"}, Closed::Reason::limit);
  }
  if (chunk_left > 0) return starve();
  const Reply refusal = std::move(*chunk_refusal);
  chunk_refusal.reset();
  // A chunk with recipients is refused by the driver, or for its size or number: that ends the
  // message, even if the chunk was its first.
  if (in_transaction && recipients > 0) {
    driver_answers = std::exchange(driver_refused_chunk, false);
    Event ended = abort(refusal, std::nullopt);
    driver_answers = false;
    return ended;
  }
  phase = Phase::command;
  say(refusal);
  return std::nullopt;
}

std::optional<Reply> ServerSession::State::message_fault() {
  if (const auto kind = reader.broken()) {
    note(*kind);
  } else if (!reader.too_big() && reader.line_too_long()) {
    note(ProtocolError::long_line);
  }
  return smtp::message_fault(reader, options);
}

/// The end of data was read: the client now gets the first reply since 354 (RFC 5321 §4.1.1.4).
Event ServerSession::State::finish_message() {
  if (auto fault = message_fault()) {
    const bool ends = reader.broken() && options.bare_newline_code == 550;
    return abort(*fault, ends ? std::optional(Closed::Reason::protocol) : std::nullopt);
  }
  phase = Phase::command;
  asked = Asked::end_of_data;
  return EndOfData{reader.size()};
}

Event ServerSession::State::abort(const Reply& reply, std::optional<Closed::Reason> close_reason) {
  phase = Phase::command;
  reset_transaction();
  if (close_reason) close(*close_reason);
  say(reply);
  return Aborted{reply};
}

}  // namespace postern::smtp
