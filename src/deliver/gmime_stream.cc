#include "deliver/gmime_stream.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace postern::deliver::gmime {
namespace {

struct Pieces {
  std::vector<std::string_view> views;
  std::vector<gint64> ends;  // offset after each piece

  std::size_t at(gint64 offset) const {
    return static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), offset) -
                                    ends.begin());
  }
  gint64 length() const { return ends.empty() ? 0 : ends.back(); }
};

struct PieceStream {
  GMimeStream parent;
  std::shared_ptr<const Pieces>* pieces;
};
struct PieceStreamClass {
  GMimeStreamClass parent;
};

G_DEFINE_TYPE(PieceStream, piece_stream, GMIME_TYPE_STREAM)

const Pieces& pieces_of(const GMimeStream* stream) {
  return **reinterpret_cast<const PieceStream*>(stream)->pieces;
}

gint64 end_of(const GMimeStream* stream) {
  return stream->bound_end == -1 ? pieces_of(stream).length() : stream->bound_end;
}

ssize_t piece_read(GMimeStream* stream, char* buffer, size_t size) {
  const Pieces& pieces = pieces_of(stream);
  size_t done = 0;
  while (done < size && stream->position < end_of(stream)) {
    const std::size_t index = pieces.at(stream->position);
    const gint64 left = std::min(pieces.ends[index], end_of(stream)) - stream->position;
    const size_t count = std::min(size - done, static_cast<size_t>(left));
    const std::string_view view = pieces.views[index];
    std::memcpy(buffer + done, view.data() + view.size() - (pieces.ends[index] - stream->position),
                count);
    done += count;
    stream->position += static_cast<gint64>(count);
  }
  return static_cast<ssize_t>(done);
}

ssize_t piece_write(GMimeStream*, const char*, size_t) { return -1; }
int piece_nothing(GMimeStream*) { return 0; }
gboolean piece_eos(GMimeStream* stream) { return stream->position >= end_of(stream); }
gint64 piece_tell(GMimeStream* stream) { return stream->position; }
gint64 piece_length(GMimeStream* stream) { return end_of(stream) - stream->bound_start; }

int piece_reset(GMimeStream* stream) {
  stream->position = stream->bound_start;
  return 0;
}

gint64 piece_seek(GMimeStream* stream, gint64 offset, GMimeSeekWhence whence) {
  if (whence == GMIME_STREAM_SEEK_SET) offset += stream->bound_start;
  if (whence == GMIME_STREAM_SEEK_CUR) offset += stream->position;
  if (whence == GMIME_STREAM_SEEK_END) offset += end_of(stream);
  if (offset < stream->bound_start || offset > end_of(stream)) return -1;
  return stream->position = offset;
}

GMimeStream* new_stream(const std::shared_ptr<const Pieces>& pieces, gint64 start, gint64 end) {
  auto* stream = static_cast<PieceStream*>(g_object_new(piece_stream_get_type(), nullptr));
  stream->pieces = new std::shared_ptr<const Pieces>(pieces);
  g_mime_stream_construct(&stream->parent, start, end);
  return &stream->parent;
}

GMimeStream* piece_substream(GMimeStream* stream, gint64 start, gint64 end) {
  return new_stream(*reinterpret_cast<PieceStream*>(stream)->pieces, start, end);
}

void piece_finalize(GObject* object) {
  delete reinterpret_cast<PieceStream*>(object)->pieces;
  G_OBJECT_CLASS(piece_stream_parent_class)->finalize(object);
}

void piece_stream_init(PieceStream* stream) { stream->pieces = nullptr; }

void piece_stream_class_init(PieceStreamClass* type) {
  G_OBJECT_CLASS(type)->finalize = piece_finalize;
  GMimeStreamClass& stream = type->parent;
  stream.read = piece_read;
  stream.write = piece_write;
  stream.flush = piece_nothing;
  stream.close = piece_nothing;
  stream.eos = piece_eos;
  stream.reset = piece_reset;
  stream.seek = piece_seek;
  stream.tell = piece_tell;
  stream.length = piece_length;
  stream.substream = piece_substream;
}

}  // namespace

GType piece_stream_type() { return piece_stream_get_type(); }

GMimeStream* new_piece_stream(const std::vector<std::string_view>& pieces) {
  auto all = std::make_shared<Pieces>();
  gint64 end = 0;
  for (const std::string_view piece : pieces) {
    if (piece.empty()) continue;
    all->views.push_back(piece);
    all->ends.push_back(end += static_cast<gint64>(piece.size()));
  }
  return new_stream(all, 0, -1);
}

std::string_view octets_of(const GMimeStream* stream) {
  const Pieces& pieces = pieces_of(stream);
  const std::size_t index = pieces.at(stream->bound_start);
  if (index >= pieces.views.size() || end_of(stream) > pieces.ends[index] ||
      end_of(stream) < stream->bound_start) {
    return {};
  }
  const std::string_view view = pieces.views[index];
  return view.substr(
      view.size() - static_cast<std::size_t>(pieces.ends[index] - stream->bound_start),
      static_cast<std::size_t>(end_of(stream) - stream->bound_start));
}

}  // namespace postern::deliver::gmime
