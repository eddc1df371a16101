// Decodes Content-Transfer-Encodings as a stream (RFC 2045 §6).
#pragma once

#include <string>
#include <string_view>

struct _GMimeFilter;

namespace postern::deliver {

/// The encoding of a body; `identity` covers 7bit, 8bit and binary.
enum class Transfer { identity, base64, quoted_printable, uuencode };

/// The encoding named by a Content-Transfer-Encoding value. An unknown one is `identity` and sets
/// `known` to false.
Transfer transfer_named(std::string_view value, bool& known);

/// Whether all programs decode a base64 body (RFC 2045 §6.8) alike. Given foreign characters, some
/// skip them and some stop; some read on after padding; some drop an incomplete last group.
class Base64Check {
 public:
  /// The next octets of the body, cut anywhere.
  void feed(std::string_view bytes);
  /// After the whole body: whether programs may differ.
  bool is_damaged() const;

 private:
  std::size_t sextets_ = 0;
  std::size_t padding_ = 0;
  bool damaged_ = false;
};

/// Decodes one body with GMime's filters; feed() may be called with any pieces. Never fails on
/// malformed input.
class TransferDecoder {
 public:
  /// Prepares for one body.
  explicit TransferDecoder(Transfer transfer);
  ~TransferDecoder();
  TransferDecoder(const TransferDecoder&) = delete;
  TransferDecoder& operator=(const TransferDecoder&) = delete;
  /// Appends decoded octets to `out`; some may be held back.
  void feed(std::string_view bytes, std::string& out);
  /// Appends the rest. Call it once, at the end of the body.
  void finish(std::string& out);

 private:
  using FilterStep = void (*)(::_GMimeFilter*, char*, std::size_t, std::size_t, char**,
                              std::size_t*, std::size_t*);
  void filter(std::string_view bytes, std::string& out, FilterStep step);

  void to_end(std::string& lines);

  Transfer transfer_;
  ::_GMimeFilter* filter_ = nullptr;
  std::string held_;  ///< an incomplete line
  bool ended_ = false;
};

/// Passes the decoded octets of `body` to `sink(std::string_view)` in pieces of bounded size, until
/// it returns false. Returns whether the end was reached. If so, `damaged` (may be null) tells
/// whether the body is base64 that other programs may decode differently.
template <class Sink>
bool decode_transfer(Transfer transfer, std::string_view body, Sink&& sink,
                     bool* damaged = nullptr) {
  constexpr std::size_t piece = 32 * 1024;
  if (transfer == Transfer::identity) {
    for (std::size_t at = 0; at < body.size(); at += piece) {
      if (!sink(body.substr(at, piece))) return false;
    }
    return true;
  }
  TransferDecoder decoder(transfer);
  const bool checked = damaged != nullptr && transfer == Transfer::base64;
  Base64Check check;
  std::string out;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    out.clear();
    if (checked) check.feed(body.substr(at, piece));
    decoder.feed(body.substr(at, piece), out);
    if (!sink(std::string_view(out))) return false;
  }
  out.clear();
  decoder.finish(out);
  if (checked) *damaged = check.is_damaged();
  return out.empty() || sink(std::string_view(out));
}

}  // namespace postern::deliver
