using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace Rudder.InferenceService.Http;

/// <summary>A reply as server-sent events: <c>data: </c>, one line of JSON, an empty line.</summary>
internal sealed class ServerEvents(HttpResponse response)
{
    private const string MediaType = "text/event-stream";

    /// <summary>Whether a reply is such a stream.</summary>
    public static bool IsStream(HttpResponse response) => response.ContentType == MediaType;

    /// <summary>Sends the headers; until then an error can still have its own status.</summary>
    public Task StartAsync(CancellationToken cancellation)
    {
        response.ContentType = MediaType;
        response.Headers.CacheControl = "no-cache";
        response.HttpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        return response.StartAsync(cancellation);
    }

    /// <summary>Sends one event at once.</summary>
    /// <param name="write">Writes its JSON.</param>
    /// <param name="cancellation">Gives the reader up.</param>
    public async Task SendAsync(Action<Utf8JsonWriter> write, CancellationToken cancellation)
    {
        response.BodyWriter.Write("data: "u8);
        using (var json = new Utf8JsonWriter(response.BodyWriter))
        {
            write(json);
        }

        response.BodyWriter.Write("\n\n"u8);
        await FlushAsync(response.BodyWriter, cancellation);
    }

    /// <summary>Sends the event that ends a whole stream.</summary>
    public async Task SendDoneAsync(CancellationToken cancellation)
    {
        response.BodyWriter.Write("data: [DONE]\n\n"u8);
        await FlushAsync(response.BodyWriter, cancellation);
    }

    private static async Task FlushAsync(PipeWriter writer, CancellationToken cancellation)
    {
        var flushed = await writer.FlushAsync(cancellation);
        if (flushed.IsCompleted)
        {
            throw OpenAiException.Protocol(StatusCodes.Status499ClientClosedRequest, StatusCode.Cancelled, "the reader has gone.");
        }
    }
}
