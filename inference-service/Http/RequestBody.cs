using Grpc.Core;

namespace Rudder.InferenceService.Http;

/// <summary>Reads a JSON body up to a limit.</summary>
internal static class RequestBody
{
    /// <summary>Reads and parses a body in the server's buffer, without a copy.</summary>
    /// <param name="request">The request.</param>
    /// <param name="limit">Bytes.</param>
    /// <param name="cancellation">The caller went away.</param>
    /// <exception cref="ApiException">The body is compressed, too large, not JSON, or not a valid request.</exception>
    public static async Task<CompletionRequest> ReadAsync(HttpRequest request, int limit, CancellationToken cancellation)
    {
        if (!request.HasJsonContentType() || request.Headers.ContentEncoding.Count > 0)
        {
            throw ApiException.Protocol(
                StatusCodes.Status415UnsupportedMediaType,
                StatusCode.InvalidArgument,
                "the body must be plain JSON: Content-Type application/json, no Content-Encoding.");
        }

        while (true)
        {
            var read = await request.BodyReader.ReadAsync(cancellation);
            try
            {
                if (read.Buffer.Length > limit)
                {
                    throw ApiException.Protocol(
                        StatusCodes.Status413PayloadTooLarge,
                        StatusCode.ResourceExhausted,
                        $"the body has more than {limit} bytes (Service:MaxRequestBytes). Send several calls.");
                }

                if (read.IsCompleted)
                {
                    return RequestJson.Parse(read.Buffer);
                }
            }
            finally
            {
                request.BodyReader.AdvanceTo(read.IsCompleted ? read.Buffer.End : read.Buffer.Start, read.Buffer.End);
            }
        }
    }
}
