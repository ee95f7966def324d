using System.Buffers;
using System.Text.Json;

namespace Rudder.InferenceService.Http;

/// <summary>Writes whole JSON replies and the error object.</summary>
internal static class OpenAiReply
{
    /// <summary>Sends an object as the reply.</summary>
    /// <param name="http">The request.</param>
    /// <param name="status">HTTP status.</param>
    /// <param name="write">Writes the object.</param>
    public static Task WriteAsync(HttpContext http, int status, Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body))
        {
            write(json);
        }

        return SendAsync(http, status, body.WrittenMemory, http.RequestAborted);
    }

    /// <summary>Sends JSON as the reply.</summary>
    /// <param name="http">The request.</param>
    /// <param name="status">HTTP status.</param>
    /// <param name="json">The reply.</param>
    /// <param name="cancellation">Gives the reader up, and with it the connection.</param>
    public static async Task SendAsync(HttpContext http, int status, ReadOnlyMemory<byte> json, CancellationToken cancellation)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = json.Length;
        await http.Response.BodyWriter.WriteAsync(json, cancellation);
    }

    /// <summary>Writes <c>{"error": {...}}</c>.</summary>
    public static void WriteError(Utf8JsonWriter json, OpenAiError error)
    {
        json.WriteStartObject();
        json.WriteStartObject("error");
        json.WriteString("message", error.Message);
        json.WriteString("type", error.Type);
        json.WriteString("param", error.Param);
        json.WriteString("code", error.Code);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
