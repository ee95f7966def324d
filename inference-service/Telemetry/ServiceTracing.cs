using System.Diagnostics;
using Grpc.Core;
using Rudder.Engine;
using Rudder.Engine.Telemetry;

namespace Rudder.InferenceService.Telemetry;

/// <summary>One span per call, below the one that ASP.NET Core makes of the request and its traceparent. No span holds text, ids or names that a caller made up.</summary>
/// <remarks>
/// The span is of kind internal: the server span of a request is ASP.NET Core's, and two of them would count every call twice.
/// Without a listener nothing is made and every method here does nothing.
/// </remarks>
internal sealed class ServiceTracing : IDisposable
{
    /// <summary>Name of the activity source.</summary>
    public const string SourceName = "Rudder.InferenceService";

    private readonly ActivitySource _source = new(SourceName);

    /// <summary>The call's span where one is recorded. Handlers run inside it.</summary>
    private static Activity? Current => Activity.Current is { IsAllDataRequested: true, Source.Name: SourceName } span ? span : null;

    /// <summary>Starts the span of a gRPC call.</summary>
    /// <param name="method">gRPC's name of it, <c>/package.Service/Method</c>.</param>
    public Activity? StartRpc(string method)
    {
        var span = Start(method);
        if (span is { IsAllDataRequested: true })
        {
            int name = method.LastIndexOf('/');
            span.SetTag("rpc.system", "grpc");
            span.SetTag("rpc.service", method[1..Math.Max(name, 1)]);
            span.SetTag("rpc.method", method[(name + 1)..]);
        }

        return span;
    }

    /// <summary>Starts the span of an HTTP call.</summary>
    /// <param name="route">Its route, as it is mapped: never the path that was asked for.</param>
    public Activity? StartHttp(string route)
    {
        var span = Start(route);
        span?.SetTag("http.route", route);
        return span;
    }

    /// <summary>Tells the current call's span what is asked of which model.</summary>
    /// <param name="model">The loaded model's name.</param>
    /// <param name="batch">What it is to draw.</param>
    public static void Asked(string model, GenerationBatch batch)
    {
        if (Current is not { } span || batch.Prompts.Count == 0)
        {
            return;
        }

        var first = batch.Prompts[0];
        span.DisplayName = $"{GenAi.TextCompletion} {model}";
        span.SetTag(GenAi.RequestModel, model);
        span.SetTag("gen_ai.request.max_tokens", batch.Prompts.Max(prompt => prompt.MaxNewTokens));
        span.SetTag("gen_ai.request.temperature", (double)first.Parameters.Temperature);
        span.SetTag("gen_ai.request.top_p", (double)first.Parameters.TopP);
        span.SetTag("gen_ai.request.seed", (long)batch.Seed);
        span.SetTag("gen_ai.request.choice.count", first.Samples);
        if (first.Parameters.TopK > 0)
        {
            span.SetTag("gen_ai.request.top_k", (double)first.Parameters.TopK); // a double in the conventions
        }
    }

    /// <summary>Tells the current call's span what was drawn.</summary>
    /// <param name="promptTokens">Tokens of the prompts.</param>
    /// <param name="drawn">The completions, by prompt.</param>
    public static void Drawn(int promptTokens, IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn)
    {
        if (Current is not { } span)
        {
            return;
        }

        span.SetTag("gen_ai.usage.input_tokens", promptTokens);
        span.SetTag("gen_ai.usage.output_tokens", drawn.Sum(sequences => sequences.Sum(sequence => sequence.Ids.Length)));

        // Each reason once: a call may draw thousands of completions.
        span.SetTag("gen_ai.response.finish_reasons", drawn.SelectMany(sequences => sequences)
            .Select(sequence => sequence.End == GenerationEnd.Stop ? SequenceEnd.Stop : SequenceEnd.Length)
            .Distinct().Order(StringComparer.Ordinal).ToArray());
    }

    /// <summary>Puts a call's outcome into its span; disposing the span ends it.</summary>
    /// <param name="span">The span, or null.</param>
    /// <param name="status">How the call ended.</param>
    /// <param name="model">The loaded model it came to, or null.</param>
    public static void End(Activity? span, StatusCode status, string? model)
    {
        if (span is not { IsAllDataRequested: true })
        {
            return;
        }

        if (span.GetTagItem("rpc.system") is not null)
        {
            span.SetTag("rpc.grpc.status_code", (int)status);
        }

        if (model is not null)
        {
            span.SetTag(GenAi.RequestModel, model);
        }

        if (status != StatusCode.OK)
        {
            span.SetTag(GenAi.ErrorType, status.ToString());
            span.SetStatus(ActivityStatusCode.Error);
        }
    }

    public void Dispose() => _source.Dispose();

    private Activity? Start(string method)
    {
        string? operation = GenAi.OperationOf(method);
        var span = _source.StartActivity(operation ?? method.TrimStart('/'), ActivityKind.Internal);
        if (span is { IsAllDataRequested: true })
        {
            span.SetTag(GenAi.ProviderName, GenAi.Provider);
            if (operation is not null)
            {
                span.SetTag(GenAi.OperationName, operation);
            }
        }

        return span;
    }
}
