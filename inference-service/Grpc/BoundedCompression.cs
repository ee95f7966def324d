using System.IO.Compression;
using Grpc.Core;
using Grpc.Net.Compression;

namespace Rudder.InferenceService.Grpc;

/// <summary>Limits the decompressed size of messages; gRPC limits only their size on the wire.</summary>
/// <param name="inner">The compression.</param>
/// <param name="limit">Bytes of one decompressed message; more is RESOURCE_EXHAUSTED.</param>
internal sealed class BoundedCompression(ICompressionProvider inner, int limit) : ICompressionProvider
{
    public string EncodingName => inner.EncodingName;

    /// <summary>gzip and deflate at the fastest level: higher levels barely shrink replies, which hold ids and log-probs.</summary>
    public static IList<ICompressionProvider> All(int limit) =>
    [
        new BoundedCompression(new GzipCompressionProvider(CompressionLevel.Fastest), limit),
        new BoundedCompression(new DeflateCompressionProvider(CompressionLevel.Fastest), limit),
    ];

    public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) => inner.CreateCompressionStream(stream, compressionLevel);

    public Stream CreateDecompressionStream(Stream stream) => new BoundedStream(inner.CreateDecompressionStream(stream), limit);

    private sealed class BoundedStream(Stream inner, int limit) : Stream
    {
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => _read;
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            int count = Unpack(buffer);
            _read += count;
            return _read <= limit ? count : throw new RpcException(new Status(StatusCode.ResourceExhausted, "")); // ReadFaults adds the limit
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }

        private int Unpack(Span<byte> buffer)
        {
            try
            {
                return inner.Read(buffer);
            }
            catch (InvalidDataException)
            {
                throw RpcErrors.Invalid("the compressed message is damaged: it is not in the format that grpc-encoding names.");
            }
        }
    }
}
