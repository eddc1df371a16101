// Content-Transfer-Encodings, decoded as a stream (RFC 2045 §6).
#pragma once

#include <string>
#include <string_view>

struct _GMimeFilter;

namespace postern::deliver {

enum class Transfer { identity, base64, quoted_printable, uuencode };

/// The encoding a Content-Transfer-Encoding value names; an unknown one is the identity.
Transfer transfer_named(std::string_view value, bool& known);

/// Whether readers agree on what base64 says (RFC 2045 §6.8): some skip characters that are foreign
/// to it and some stop there, some read on behind padding, some drop a last group that is not
/// whole.
class Base64Check {
 public:
  void feed(std::string_view bytes);
  /// At the end of the body.
  bool is_damaged() const;

 private:
  std::size_t sextets_ = 0;
  std::size_t padding_ = 0;
  bool damaged_ = false;
};

/// Decodes one body with GMime's filters; feed() may cut anywhere. Malformed input never fails.
class TransferDecoder {
 public:
  explicit TransferDecoder(Transfer transfer);
  ~TransferDecoder();
  TransferDecoder(const TransferDecoder&) = delete;
  TransferDecoder& operator=(const TransferDecoder&) = delete;
  void feed(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  using FilterStep = void (*)(::_GMimeFilter*, char*, std::size_t, std::size_t, char**,
                              std::size_t*, std::size_t*);
  void filter(std::string_view bytes, std::string& out, FilterStep step);

  void to_end(std::string& lines);

  Transfer transfer_;
  ::_GMimeFilter* filter_ = nullptr;
  std::string held_;  ///< a line that is not whole yet
  bool ended_ = false;
};

/// Hands the decoded octets of `body` to `sink(std::string_view)` in pieces of bounded size; stops
/// when it returns false. Returns whether the end was reached; then `damaged` is set where it is
/// base64 and other readers may see other octets.
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
