#include "deliver/mime_transfer.h"

#include <gmime/gmime.h>

#include "base/text.h"
#include "deliver/gmime.h"

namespace postern::deliver {
namespace {

GMimeContentEncoding encoding_of(Transfer transfer) {
  if (transfer == Transfer::base64) return GMIME_CONTENT_ENCODING_BASE64;
  if (transfer == Transfer::quoted_printable) return GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
  return GMIME_CONTENT_ENCODING_UUENCODE;
}

}  // namespace

Transfer transfer_named(std::string_view value, bool& known) {
  value = trim(value);
  const std::string name = lower(value.substr(0, value.find_first_of(" \t\r\n;(\"")));
  known = true;
  if (name == "base64") return Transfer::base64;
  if (name == "quoted-printable") return Transfer::quoted_printable;
  if (name == "x-uuencode" || name == "uuencode" || name == "uue" || name == "x-uue") {
    return Transfer::uuencode;
  }
  known = name.empty() || name == "7bit" || name == "8bit" || name == "binary";
  return Transfer::identity;
}

TransferDecoder::TransferDecoder(Transfer transfer) : transfer_(transfer) {
  if (transfer != Transfer::identity) {
    gmime::start();
    filter_ = g_mime_filter_basic_new(encoding_of(transfer), FALSE);
  }
}

TransferDecoder::~TransferDecoder() {
  if (filter_ != nullptr) g_object_unref(filter_);
}

void TransferDecoder::feed(std::string_view bytes, std::string& out) {
  if (filter_ == nullptr) {
    out += bytes;
    return;
  }
  char* decoded = nullptr;
  size_t size = 0;
  size_t prespace = 0;
  // The decoders read their input only.
  g_mime_filter_filter(filter_, const_cast<char*>(bytes.data()), bytes.size(), 0, &decoded, &size,
                       &prespace);
  out.append(decoded, size);
}

void TransferDecoder::finish(std::string& out) {
  if (filter_ == nullptr) return;
  // Without it GMime drops a last group that is not padded.
  std::string padding = transfer_ == Transfer::base64 ? "==" : "";
  char* decoded = nullptr;
  size_t size = 0;
  size_t prespace = 0;
  g_mime_filter_complete(filter_, padding.data(), padding.size(), 0, &decoded, &size, &prespace);
  out.append(decoded, size);
}

}  // namespace postern::deliver
