/*
 * events.exe PROGRAM ARGUMENT...: runs a program, and ends with its exit status. Each digit of standard input is an event
 * of a console for it (1 Ctrl-Break, 2 the console is closed), and comes as Windows makes it come: a thread in the
 * program, which begins in CtrlRoutine. (wine's own consoles know Ctrl-C alone.)
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

static DWORD WINAPI send_events(void *program) {
    FARPROC routine = GetProcAddress(GetModuleHandleA("kernelbase.dll"), "CtrlRoutine");
    int digit;
    while ((digit = getchar()) != EOF)
        if (!CreateRemoteThread(program, NULL, 0, (void *)routine, (void *)(INT_PTR)(digit - '0'), 0, NULL))
            fprintf(stderr, "events.exe: error %lu\n", GetLastError());
    return 0;
}

int main(int count, char **words) {
    char line[4096] = "";
    for (int i = 1; i < count; i++) {
        size_t used = strlen(line);
        snprintf(line + used, sizeof line - used, "\"%s\" ", words[i]);
    }
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION program;
    DWORD status;
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &program)) return 255;
    CreateThread(NULL, 0, send_events, program.hProcess, 0, NULL);
    WaitForSingleObject(program.hProcess, INFINITE);
    GetExitCodeProcess(program.hProcess, &status);
    return status;
}
