// The members of a payload made from the message's parts: text, html, attachments, raw.
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

/// The sentences of `warnings`: each once, 50 at most.
class Warnings {
 public:
  /// Adds a sentence.
  void add(std::string text);
  /// Adds a sentence for each problem found while decoding `where`. `label`: the charset's, may be
  /// empty.
  void add(const DecodeNotes& notes, std::string_view where, std::string_view label);
  /// In the order added.
  const std::vector<std::string>& list() const { return list_; }

 private:
  std::vector<std::string> list_;
};

/// Writes those members. Everything is borrowed. Methods block on the disk.
class BodyWriter {
 public:
  /// All must outlive this.
  BodyWriter(JsonWriter& writer, Charsets& charsets, Warnings& warnings,
             const MessageIdentity& identity, const PayloadOptions& options)
      : writer_(writer),
        charsets_(charsets),
        warnings_(warnings),
        identity_(identity),
        options_(options) {}

  /// Writes `key` with all body parts of `type`, joined by one newline. Without such parts, writes
  /// nothing.
  void text(std::string_view key, std::string_view type, const std::vector<PartView>& parts);
  /// Writes `attachments`. Errors: a link could not be made.
  Result<void> attachments(const std::vector<PartView>& parts);
  /// Writes `raw` as the options say, with the trace fields that would be added above it. If
  /// parsing was stopped, writes it as a link even if the options have no `raw`.
  Result<void> raw(std::string_view message, const policy::Evidence& evidence,
                   bool parsing_stopped);
  /// Whether other programs may decode what was written differently.
  bool is_ambiguous() const { return ambiguous_; }
  /// The linked files, on stable storage; null without links. Call it last.
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
  std::unique_ptr<LinkedFiles> files_;  ///< null before the first link
  std::uint64_t inlined_ = 0;
  bool ambiguous_ = false;
};

}  // namespace postern::deliver
