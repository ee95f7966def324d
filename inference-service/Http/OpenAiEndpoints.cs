namespace Rudder.InferenceService.Http;

/// <summary>Puts the OpenAI-compatible face on the application: everything below <c>/v1/</c>.</summary>
internal static class OpenAiEndpoints
{
    /// <summary>Adds its parts.</summary>
    public static void AddOpenAi(this IServiceCollection services) => services
        .AddSingleton<OpenAiGuard>()
        .AddSingleton<OpenAiRoutes>()
        .AddSingleton<CompletionsCall>()
        .AddSingleton<CompletionStream>()
        .AddSingleton<PromptScores>()
        .AddSingleton<ModelsCall>();

    /// <summary>Maps its paths, wrong ones too: they get that API's errors.</summary>
    public static void MapOpenAi(this WebApplication app)
    {
        var routes = app.Services.GetRequiredService<OpenAiRoutes>();
        app.Map("/v1/{**path}", (RequestDelegate)routes.HandleAsync);
    }
}
