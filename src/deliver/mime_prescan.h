// The pass before GMime parses a message: enforces the limits, finds the message's header, skips
// lines that are not fields, and rewrites what GMime would misread.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "deliver/mime.h"
#include "deliver/mime_header.h"

namespace postern::deliver {

/// One instance per message.
class Prescan {
 public:
  /// Adds fields, warnings, ambiguities and exceeded limits to `view`. `message` and `view` must
  /// outlive this.
  Prescan(std::string_view message, const MimeLimits& limits, MessageView& view)
      : message_(message), limits_(limits), view_(view), header_(limits, view) {}

  /// Scans the message. Call it once.
  void run();

  /// What GMime parses, in order: pieces of the message and pieces added here. Valid as long as
  /// this.
  const std::vector<std::string_view>& pieces() const { return pieces_; }

 private:
  /// A multipart whose end has not been reached.
  struct Open {
    std::string boundary;
    std::size_t header_piece;  ///< pieces before its header
    std::size_t body;          ///< offset of the first octet
    bool started = false;      ///< its boundary has occurred
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
  bool any_line_ = false;        ///< in the current header
  bool leaf_ = true;             ///< the current entity is not a multipart
  std::size_t emitted_ = 0;      ///< offset up to which the message is in pieces_ or left out
  std::size_t entity_mark_ = 0;  ///< pieces before the delimiter of the current part
  std::size_t leaves_ = 0;
  bool stopped_ = false;
  bool warned_parameters_ = false;
};

}  // namespace postern::deliver
