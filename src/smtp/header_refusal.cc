#include "smtp/header_refusal.h"

namespace postern::smtp {

std::optional<Reply> header_refusal(const mail::HeaderScanner& header, const Limits& limits) {
  if (header.received_fields() > limits.received_fields) {
    return Reply{554, {5, 4, 6}, "too many Received fields, the message loops"};
  }
  if (header.size() > limits.header_size) {
    return Reply{554, {5, 6, 0}, "header section too big"};
  }
  if (header.fields() + header.odd_lines() > limits.header_fields) {
    return Reply{554, {5, 6, 0}, "too many header fields"};
  }
  return std::nullopt;
}

}  // namespace postern::smtp
