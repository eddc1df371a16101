// The pass over a message before GMime reads it: it keeps the limits, finds the top header, skips
// lines that are no header fields, and completes what GMime would misread.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "deliver/mime.h"
#include "deliver/mime_header.h"

namespace postern::deliver {

class Prescan {
 public:
  /// Fields, warnings, ambiguities and exceeded limits go into `view`, which must outlive this.
  Prescan(std::string_view message, const MimeLimits& limits, MessageView& view)
      : message_(message), limits_(limits), view_(view), header_(limits, view) {}

  void run();

  /// What GMime reads, in order: pieces of the message, and of text added to it.
  const std::vector<std::string_view>& pieces() const { return pieces_; }

 private:
  /// A multipart whose end has not been seen.
  struct Open {
    std::string boundary;
    std::size_t header_piece;  ///< number of pieces before its header
    std::size_t body;          ///< offset of its first octet
    bool started = false;      ///< its boundary occurred
  };
  enum class State { header, body };

  void line(std::string_view line, std::size_t at);
  bool delimiter(std::string_view line, std::size_t at);
  void on_delimiter(std::size_t level, bool close, std::string_view line, std::size_t at);
  void end_header(const std::vector<FieldView>& fields, std::size_t body);
  void close_to(std::size_t level, std::size_t end);
  void emit(std::string_view text);
  void emit_message(std::size_t from, std::size_t to);
  std::string within_limits(std::string_view value);
  void stop(std::string reason);

  std::string_view message_;
  MimeLimits limits_;
  MessageView& view_;
  HeaderReader header_;
  std::vector<std::string_view> pieces_;
  std::deque<std::string> added_;
  std::vector<Open> open_;
  State state_ = State::header;
  bool any_line_ = false;        ///< in the header being read
  bool leaf_ = true;             ///< the entity being read is no multipart
  std::size_t emitted_ = 0;      ///< the message up to here is in pieces_, or left out
  std::size_t entity_mark_ = 0;  ///< number of pieces before the delimiter of this part
  std::size_t leaves_ = 0;
  bool stopped_ = false;
  bool warned_parameters_ = false;
};

}  // namespace postern::deliver
