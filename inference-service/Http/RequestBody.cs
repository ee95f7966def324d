using System.Buffers;
using Grpc.Core;

namespace Rudder.InferenceService.Http;

/// <summary>Takes a JSON body in, up to a limit.</summary>
internal static class RequestBody
{
    private const int Piece = 16 << 10;

    /// <summary>The body's bytes.</summary>
    /// <param name="request">The request.</param>
    /// <param name="limit">Bytes.</param>
    /// <param name="cancellation">The caller went away.</param>
    /// <exception cref="OpenAiException">Not JSON, packed, or larger than the limit.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpRequest request, int limit, CancellationToken cancellation)
    {
        if (!request.HasJsonContentType() || request.Headers.ContentEncoding.Count > 0)
        {
            throw OpenAiException.Protocol(
                StatusCodes.Status415UnsupportedMediaType,
                StatusCode.InvalidArgument,
                "the body must be JSON as it is: Content-Type application/json, no Content-Encoding.");
        }

        var body = new ArrayBufferWriter<byte>(Piece);
        while (true)
        {
            int count = await ReadAsync(request.Body, body.GetMemory(Piece), cancellation);
            if (count == 0)
            {
                return body.WrittenMemory;
            }

            body.Advance(count);
            if (body.WrittenCount > limit)
            {
                throw OpenAiException.Protocol(
                    StatusCodes.Status413PayloadTooLarge,
                    StatusCode.ResourceExhausted,
                    $"the body has more than {limit} bytes, the limit of one request (Service:MaxRequestBytes). Send several calls.");
            }
        }
    }

    private static async ValueTask<int> ReadAsync(Stream body, Memory<byte> memory, CancellationToken cancellation)
    {
        try
        {
            return await body.ReadAsync(memory, cancellation);
        }
        catch (IOException fault) when (fault is not BadHttpRequestException)
        {
            throw new OperationCanceledException("the caller's connection broke", fault, cancellation);
        }
    }
}
