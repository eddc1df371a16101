// The parts of a payload that come from the message's parts: text, html, attachments, raw.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "deliver/mime.h"
#include "deliver/mime_charset.h"
#include "deliver/payload.h"
#include "deliver/payload_json.h"

namespace postern::deliver {

/// Sentences for `warnings`, each once and at most 50.
class Warnings {
 public:
  void add(std::string text);
  /// What decoding `where` had to put up with.
  void add(const DecodeNotes& notes, std::string_view where, std::string_view label);
  const std::vector<std::string>& list() const { return list_; }

 private:
  std::vector<std::string> list_;
};

class BodyWriter {
 public:
  BodyWriter(JsonWriter& writer, Charsets& charsets, Warnings& warnings,
             const MessageIdentity& identity, const PayloadOptions& options)
      : writer_(writer),
        charsets_(charsets),
        warnings_(warnings),
        identity_(identity),
        options_(options) {}

  /// Writes `key` with all body parts of `type`, joined by one newline; nothing without such parts.
  void text(std::string_view key, std::string_view type, const std::vector<PartView>& parts);
  Result<void> attachments(const std::vector<PartView>& parts);
  /// `raw`, as the options say, with the trace fields that would go on top of it; by link also when
  /// parsing was cut short.
  Result<void> raw(std::string_view message, const policy::Evidence& evidence,
                   bool parsing_stopped);
  /// Whether other readers may see other octets in what was written.
  bool is_ambiguous() const { return ambiguous_; }
  /// What the links lead to, on stable storage; null without links. Behind all the others.
  Result<std::unique_ptr<LinkedFiles>> take_files();

 private:
  void text_part(const PartView& part, bool& written);
  Result<void> attachment(const PartView& part);
  Result<void> link(const LinkedFiles::File& file, const LinkedFiles::Source& source);

  JsonWriter& writer_;
  Charsets& charsets_;
  Warnings& warnings_;
  const MessageIdentity& identity_;
  const PayloadOptions& options_;
  std::unique_ptr<LinkedFiles> files_;  ///< from the first link on
  std::uint64_t inlined_ = 0;
  bool ambiguous_ = false;
};

}  // namespace postern::deliver
