using System.Diagnostics;
using Grpc.Core;
using OpenTelemetry.Instrumentation.AspNetCore;
using Rudder.Engine;
using Rudder.Engine.Telemetry;

namespace Rudder.InferenceService.Telemetry;

/// <summary>Describes a call in ASP.NET Core's server span. No span contains text, ids or names that a caller made up.</summary>
/// <remarks>Without a recorded span, every method here does nothing.</remarks>
internal static class ServiceTracing
{
    private const string RequestSource = "Microsoft.AspNetCore";
    private const string HealthPrefix = "/grpc.health.v1.Health";
    private const string OriginalMethod = "http.request.method_original";
    private const int LongestMethod = 32;

    private static Activity? Span => Activity.Current is { IsAllDataRequested: true, Source.Name: RequestSource } span ? span : null;

    /// <summary>Selects the requests that get a span and removes attributes that callers can make up.</summary>
    /// <param name="options">The instrumentation's options.</param>
    public static void Configure(AspNetCoreTraceInstrumentationOptions options)
    {
        // Probes come every few seconds. Their traces are useless.
        options.Filter = context => !context.Request.Path.StartsWithSegments(HealthPrefix) && context.Request.Path != "/health";
        options.EnrichWithHttpResponse = (span, response) =>
        {
            foreach (string madeUp in (string[])["url.path", "url.query", "user_agent.original", "server.address"])
            {
                span.SetTag(madeUp, null);
            }

            // The conventions ask for an unknown verb beside _OTHER. The caller chose it, and its length.
            if (span.GetTagItem(OriginalMethod) is string { Length: > LongestMethod } verb)
            {
                span.SetTag(OriginalMethod, verb[..LongestMethod]);
            }

            if (span.GetTagItem(GenAiTags.OperationName) is string operation)
            {
                span.DisplayName = $"{operation} {span.GetTagItem(GenAiTags.RequestModel)}".TrimEnd();
            }
            else if (span.GetTagItem("rpc.method") is string method)
            {
                span.DisplayName = $"{span.GetTagItem("rpc.service")}/{method}";
            }
        };
    }

    /// <summary>Adds the model and the request's parameters.</summary>
    /// <param name="model">The loaded model's name.</param>
    /// <param name="plan">The requested completions.</param>
    public static void Asked(string model, GenerationPlan plan)
    {
        if (Span is not { } span)
        {
            return;
        }

        var first = plan.Prompts[0];
        span.SetTag(GenAiTags.RequestModel, model);
        span.SetTag("gen_ai.request.max_tokens", plan.Prompts.Max(prompt => prompt.MaxNewTokens));
        span.SetTag("gen_ai.request.temperature", (double)first.Parameters.Temperature);
        span.SetTag("gen_ai.request.top_p", (double)first.Parameters.TopP);
        span.SetTag("gen_ai.request.seed", (long)plan.Seed);
        span.SetTag("gen_ai.request.choice.count", first.Samples);
        if (first.Parameters.TopK > 0)
        {
            span.SetTag("gen_ai.request.top_k", (double)first.Parameters.TopK); // a double in the conventions
        }
    }

    /// <summary>Adds token counts and finish reasons.</summary>
    /// <param name="promptTokens">Tokens of the prompts.</param>
    /// <param name="drawn">The completions of each prompt.</param>
    public static void Drawn(int promptTokens, IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn)
    {
        if (Span is not { } span)
        {
            return;
        }

        span.SetTag("gen_ai.usage.input_tokens", promptTokens);
        span.SetTag("gen_ai.usage.output_tokens", drawn.Sum(sequences => sequences.Sum(sequence => sequence.Ids.Length)));

        // Each reason once: a call may draw thousands of completions.
        span.SetTag("gen_ai.response.finish_reasons", drawn.SelectMany(sequences => sequences)
            .Select(sequence => sequence.End == GenerationEnd.Stop ? "stop" : "length")
            .Distinct().Order(StringComparer.Ordinal).ToArray());
    }

    /// <summary>Adds the call's method, status and model.</summary>
    /// <param name="method">The gRPC method, <c>/package.Service/Method</c>, or the HTTP route.</param>
    /// <param name="status">How the call ended.</param>
    /// <param name="model">The loaded model it used, or null.</param>
    public static void Ended(string method, StatusCode status, string? model)
    {
        if (Span is not { } span)
        {
            return;
        }

        span.SetTag(GenAiTags.ProviderName, GenAiTags.Provider);
        span.SetTag(GenAiTags.OperationName, EndpointNames.OperationOf(method));
        span.SetTag(GenAiTags.RequestModel, model);
        if (method.IndexOf('/', 1) is > 0 and var slash && method.Contains('.', StringComparison.Ordinal))
        {
            span.SetTag("rpc.system", "grpc");
            span.SetTag("rpc.service", method[1..slash]);
            span.SetTag("rpc.method", method[(slash + 1)..]);
            span.SetTag("rpc.grpc.status_code", (int)status);
        }
        else
        {
            span.SetTag("http.route", method);
        }

        if (status != StatusCode.OK)
        {
            span.SetTag(ServiceMetrics.ErrorType, status.ToString());
            span.SetStatus(ActivityStatusCode.Error);
        }
    }
}
