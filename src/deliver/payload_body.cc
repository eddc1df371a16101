#include "deliver/payload_body.h"

#include <algorithm>

#include <fmt/core.h>
#include <boost/json/value.hpp>

#include "base/sha256.h"
#include "base/text.h"
#include "base/time_text.h"
#include "mailauth/ar/write.h"
#include "policy/results_field.h"

namespace postern::deliver {
namespace {

constexpr std::size_t max_warnings = 50;

/// Whether the decoded octets of a part are UTF-8. Never holds all of them.
bool decodes_to_utf8(const PartView& part, Charsets& charsets) {
  if (part.transfer == Transfer::identity) return is_utf8(part.body);
  bool known = true;
  Converter& utf8 = charsets.converter("utf-8", known);
  utf8.take_replaced();
  std::string scratch;
  decode_transfer(part.transfer, part.body, [&](std::string_view octets) {
    scratch.clear();
    utf8.feed(octets, scratch);
    return true;
  });
  utf8.finish(scratch);
  return !utf8.take_replaced();
}

/// Writes text to a JSON string: converts CRLF to LF and removes a byte order mark at the start.
class TextSink {
 public:
  /// `written`: whether an earlier part wrote text, to which one newline joins this part.
  TextSink(JsonWriter& writer, bool& written)
      : writer_(writer), joint_(written), written_(written) {}

  void write(std::string_view text) {
    if (at_start_ && !text.empty()) {
      at_start_ = false;
      if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
    }
    if (held_cr_ && !text.empty()) {
      held_cr_ = false;
      if (text.front() != '\n') piece("\r");
    }
    while (!text.empty()) {
      const std::size_t cr = text.find('\r');
      piece(text.substr(0, cr));
      if (cr == std::string_view::npos) return;
      text.remove_prefix(cr + 1);
      if (text.empty()) {
        held_cr_ = true;
      } else if (text.front() != '\n') {
        piece("\r");
      }
    }
  }
  void finish() {
    if (held_cr_) piece("\r");
  }

 private:
  void piece(std::string_view text) {
    if (text.empty()) return;
    if (std::exchange(joint_, false)) writer_.string_piece("\n");
    writer_.string_piece(text);
    written_ = true;
  }

  JsonWriter& writer_;
  bool joint_;
  bool& written_;
  bool at_start_ = true;
  bool held_cr_ = false;
};

boost::json::value or_null(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  return boost::json::value(*text);
}

}  // namespace

void Warnings::add(std::string text) {
  if (list_.size() >= max_warnings) return;
  if (std::find(list_.begin(), list_.end(), text) == list_.end()) list_.push_back(std::move(text));
}

void Warnings::add(const DecodeNotes& notes, std::string_view where, std::string_view label) {
  if (notes.unknown_charset && label.empty()) {
    add(fmt::format("{}: an unknown charset read as windows-1252", where));
  } else if (notes.unknown_charset) {
    add(fmt::format("{}: unknown charset \"{}\" read as windows-1252", where,
                    printable(label, 40)));
  }
  if (notes.guessed) {
    add(fmt::format("{}: 8-bit octets without a charset read as windows-1252", where));
  }
  if (notes.damaged) {
    add(fmt::format("{}: damaged base64, which other readers may decode differently", where));
  }
  if (notes.undecodable) {
    add(fmt::format("{}: octets that cannot be decoded are U+FFFD", where));
  }
}

void BodyWriter::text_part(const PartView& part, bool& written) {
  std::string_view label = part.charset;
  DecodeNotes notes;
  if (Charsets::says_nothing(label)) {
    notes.guessed = !decodes_to_utf8(part, charsets_);
    label = notes.guessed ? "windows-1252" : "utf-8";
  }
  bool known = true;
  Converter& converter = charsets_.converter(label, known);
  converter.take_replaced();
  notes.unknown_charset = !known;
  TextSink sink(writer_, written);
  std::string text;
  const bool complete = decode_transfer(
      part.transfer, part.body,
      [&](std::string_view octets) {
        text.clear();
        converter.feed(octets, text);
        sink.write(text);
        return !writer_.failed();
      },
      &notes.damaged);
  text.clear();
  converter.finish(text);
  if (complete) sink.write(text);
  sink.finish();
  notes.undecodable = converter.take_replaced();
  ambiguous_ = ambiguous_ || notes.damaged;
  warnings_.add(notes, part.type == "text/html" ? "html" : "text", part.charset);
}

void BodyWriter::text(std::string_view key, std::string_view type,
                      const std::vector<PartView>& parts) {
  bool begun = false;
  bool written = false;
  for (const PartView& part : parts) {
    if (part.type != type || !part.is_body()) continue;
    if (!begun) {
      writer_.key(key);
      writer_.begin_string();
      begun = true;
    }
    text_part(part, written);
  }
  if (begun) writer_.end_string();
}

Result<void> BodyWriter::link(const LinkedFiles::File& file, const LinkedFiles::Source& source) {
  if (options_.store == nullptr) {
    warnings_.add("attachments to be linked are left out: no attachment store is configured");
    return {};
  }
  if (!files_) {
    files_ = options_.store->begin(identity_.id, identity_.webhook_id, options_.link_life);
  }
  Result<Link> link = files_->add(file, source);
  if (!link) return tl::unexpected(std::move(link.error()));
  writer_.key("url");
  writer_.string(valid_utf8(link->url));
  writer_.key("expires_at");
  writer_.string(to_rfc3339(link->expires_at, 0));
  return {};
}

Result<void> BodyWriter::attachment(const PartView& part) {
  bool fits = options_.attachments == policy::AttachmentMode::inline_content;
  const std::uint64_t room =
      std::min(options_.inline_limit, options_.inline_total_limit - inlined_);
  Sha256 digest;
  std::uint64_t size = 0;
  std::string kept;
  DecodeNotes notes;
  decode_transfer(
      part.transfer, part.body,
      [&](std::string_view octets) {
        digest.add(octets);
        size += octets.size();
        fits = fits && size <= room;
        if (fits) {
          kept += octets;
        } else {
          kept = std::string();
        }
        return true;
      },
      &notes.damaged);
  ambiguous_ = ambiguous_ || notes.damaged;
  warnings_.add(notes, "attachment", "");
  writer_.begin_object();
  writer_.key("filename");
  writer_.value(or_null(part.filename));
  writer_.key("content_type");
  writer_.string(part.type);
  writer_.key("disposition");
  writer_.value(part.disposition.empty() ? boost::json::value()
                                         : boost::json::value(valid_utf8(part.disposition)));
  writer_.key("content_id");
  writer_.value(or_null(part.content_id));
  writer_.key("size");
  writer_.value(size);
  writer_.key("sha256");
  writer_.string(hex_encode(digest.finish()));
  if (fits) {
    inlined_ += size;
    writer_.key("content");
    writer_.begin_string();
    writer_.base64_piece(kept);
    writer_.end_string();
  } else {
    const LinkedFiles::File file{part.filename.value_or("attachment"), part.type, size};
    const Result<void> linked = link(file, [&part](const LinkedFiles::Sink& sink) {
      Result<void> result;
      decode_transfer(part.transfer, part.body, [&](std::string_view octets) {
        result = sink(octets);
        return result.has_value();
      });
      return result;
    });
    if (!linked) return linked;
  }
  writer_.end_object();
  return {};
}

Result<void> BodyWriter::attachments(const std::vector<PartView>& parts) {
  writer_.key("attachments");
  writer_.begin_array();
  for (const PartView& part : parts) {
    if (part.is_body() || options_.attachments == policy::AttachmentMode::none) continue;
    if (Result<void> done = attachment(part); !done) return done;
  }
  writer_.end_array();
  return {};
}

Result<std::unique_ptr<LinkedFiles>> BodyWriter::take_files() {
  if (files_) {
    if (Result<void> done = files_->finish(); !done) return tl::unexpected(std::move(done.error()));
  }
  return std::move(files_);
}

Result<void> BodyWriter::raw(std::string_view message, const policy::Evidence& evidence,
                             bool parsing_stopped) {
  if (options_.include_raw == policy::RawMode::none && !parsing_stopped) return {};
  writer_.key("raw");
  writer_.begin_object();
  writer_.key("size");
  writer_.value(message.size());
  if (!options_.authserv_id.empty()) {
    writer_.key("trace_fields");
    writer_.string(mailauth::ar::write_field(policy::results_of(evidence, options_.authserv_id)));
  }
  if (options_.include_raw == policy::RawMode::inline_content) {
    writer_.key("encoding");
    writer_.string("base64");
    writer_.key("content");
    writer_.begin_string();
    writer_.base64_piece(message);
    writer_.end_string();
  } else {
    const LinkedFiles::File file{"message.eml", "message/rfc822", message.size()};
    const Result<void> linked = link(file, [message](const LinkedFiles::Sink& sink) {
      constexpr std::size_t piece = std::size_t{64} * 1024;
      Result<void> result;
      for (std::size_t at = 0; at < message.size() && result; at += piece) {
        result = sink(message.substr(at, piece));
      }
      return result;
    });
    if (!linked) return linked;
  }
  writer_.end_object();
  return {};
}

}  // namespace postern::deliver
